package cause

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
)

// readChange reads a change of a row, as Debezium writes it.
func (r *Reader) readChange(record *consumer.Record) Finding {
	kind, isKnown := kindOf(record.Topic)
	if !isKnown {
		return Finding{Problem: &Problem{ReasonTopic, fmt.Errorf("topic %s holds no changes of feeds", record.Topic)}}
	}
	change := &r.envelope
	if err := change.Decode(record.Value); err != nil {
		return Finding{Problem: problemOf(err)}
	}
	switch {
	case change.Kind != debezium.KindChange:
		return Finding{Ignored: Ignored(change.Kind.String())}
	case change.Op == debezium.Read:
		return Finding{Ignored: ignoredSnapshot}
	case change.Op == debezium.Create && kind == User:
		return Finding{Ignored: ignoredNewUser}
	}
	r.cause.Kind = kind
	if millis := change.Source.TimestampMillis; millis > 0 {
		r.cause.At = time.UnixMilli(millis)
	}
	return r.readRows(change)
}

// kindOf is what a topic's changes are changes of.
func kindOf(topic string) (kind Kind, isKnown bool) {
	switch topic {
	case topicPosts:
		return Post, true
	case topicLikes:
		return Like, true
	case topicComments:
		return Comment, true
	case topicFollows:
		return Follow, true
	case topicUsers:
		return User, true
	}
	return "", false
}

// readRows reads the row before and the row after: both count, since an update
// can take a row from one user or post to another.
func (r *Reader) readRows(change *debezium.Envelope) Finding {
	var found Finding
	for _, row := range [...]debezium.Row{change.After, change.Before} {
		if row == nil {
			continue
		}
		if err := r.cause.addRow(row); err != nil {
			found.Problem = &Problem{Reason: ReasonColumn, Err: err}
		}
	}
	if !r.cause.isEmpty() {
		found.Cause = &r.cause
	}
	return found
}

// addRow adds whom a row is about, all of it or nothing.
func (c *Cause) addRow(row debezium.Row) error {
	switch c.Kind {
	case Follow:
		follower, err := id(row, "follower_id")
		if err != nil {
			return err
		}
		addOnce(&c.Users, follower)
	case User:
		user, err := id(row, "id")
		if err != nil {
			return err
		}
		addOnce(&c.Authors, user)
	case Post:
		author, err := id(row, "user_id")
		if err != nil {
			return err
		}
		addOnce(&c.Users, author)
		addOnce(&c.Authors, author)
	default:
		user, err1 := id(row, "user_id")
		post, err2 := id(row, "post_id")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		addOnce(&c.Users, user)
		addOnce(&c.Posts, post)
	}
	return nil
}

// id reads a column that must hold the id of something.
func id(row debezium.Row, column string) (uuid.UUID, error) {
	value, isThere := row.Find(column)
	if !isThere {
		return uuid.Nil, fmt.Errorf("column %q is missing", column)
	}
	id, err := value.UUID()
	if err != nil {
		return uuid.Nil, fmt.Errorf("column %q: %w", column, err)
	}
	if id == uuid.Nil {
		return uuid.Nil, fmt.Errorf("column %q is the nil UUID", column)
	}
	return id, nil
}
