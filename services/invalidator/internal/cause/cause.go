package cause

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/event"
)

// Kind is what has changed.
type Kind string

// The kinds of causes.
const (
	Like    Kind = "like"
	Comment Kind = "comment"
	Share   Kind = "share"
	Post    Kind = "post"
	Follow  Kind = "follow"
	User    Kind = "user"
)

// Cause is a change that makes feed pages stale. The same id comes once in each
// of its lists.
type Cause struct {
	Kind Kind
	// At is when the change was committed in PostgreSQL or reached Kafka, to the
	// millisecond.
	At time.Time
	// Users are those whose own pages are stale.
	Users []uuid.UUID
	// Authors are those whose followers' pages are stale.
	Authors []uuid.UUID
	// Posts are those whose author's followers' pages are stale; the record does
	// not say who that is.
	Posts []uuid.UUID
}

// isEmpty reports whether nobody's pages are stale.
func (c *Cause) isEmpty() bool { return len(c.Users)+len(c.Authors)+len(c.Posts) == 0 }

// Finding is what a record says: a cause, a problem, both when a part of it could
// be read, or neither, and then why it is ignored.
type Finding struct {
	// Cause is nil if there is none.
	Cause *Cause
	// Ignored is the kind of record that is no cause.
	Ignored Ignored
	// Problem is nil if all was read.
	Problem *Problem
}

// Ignored is a kind of record that makes no page stale.
type Ignored string

// The kinds of records that are no causes, beside debezium's own.
const (
	ignoredView       Ignored = "view"
	ignoredImpression Ignored = "impression"
	// ignoredUnknown is an action of a newer schema.
	ignoredUnknown  Ignored = "unknown_action"
	ignoredSnapshot Ignored = "snapshot"
	// ignoredNewUser has no followers yet.
	ignoredNewUser Ignored = "new_user"
)

// Reader reads one record after another.
type Reader struct {
	event    event.Event
	envelope debezium.Envelope
	cause    Cause
}

// Read says what a record of one of Topics makes stale. The finding is valid
// until the next Read.
func (r *Reader) Read(record *consumer.Record) Finding {
	r.cause = Cause{Users: r.cause.Users[:0], Authors: r.cause.Authors[:0], Posts: r.cause.Posts[:0], At: record.Time}
	if record.Topic == topicEvents {
		return r.readEvent(record)
	}
	return r.readChange(record)
}

// Topics are those that hold causes.
func Topics() []string {
	return []string{topicEvents, topicPosts, topicLikes, topicComments, topicFollows, topicUsers}
}

const (
	topicEvents   = "events"
	topicPosts    = "cdc.posts"
	topicLikes    = "cdc.likes"
	topicComments = "cdc.comments"
	topicFollows  = "cdc.follows"
	topicUsers    = "cdc.users"
)

// addOnce appends id unless it is there.
func addOnce(to *[]uuid.UUID, id uuid.UUID) {
	if !slices.Contains(*to, id) {
		*to = append(*to, id)
	}
}
