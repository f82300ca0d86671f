package consumer

import (
	"context"
	"time"
)

// Record is one record of a topic. Its slices are valid until Handle returns.
type Record struct {
	Topic     string
	Partition int
	Offset    int64
	// Key and Value are nil for null, which is not the same as empty: a null
	// value is a tombstone.
	Key, Value []byte
	Headers    []Header
	// Time is the record's timestamp on Kafka, in milliseconds.
	Time time.Time
}

// Header is a record header. Names may repeat.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the value of the last header of that name, as Kafka's own
// clients do; nil if there is none, and empty if it has no value.
func (r *Record) Header(name string) []byte {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == name {
			if value := r.Headers[i].Value; value != nil {
				return value
			}
			return []byte{}
		}
	}
	return nil
}

// Handler gives records their effect.
type Handler interface {
	// Handle makes the effects of records durable: records of one topic, those
	// of each partition in offset order. Returning nil commits their offsets.
	//
	// An error means that something Handle depends on failed: the same records
	// come again after a pause, so effects must bear repetition. A panic counts
	// as an error. Handle should return soon after ctx ends, which it does when
	// the assignment or the drain is over.
	Handle(ctx context.Context, records []Record) error
}

// Finisher is a Handler whose effects take longer than their batch should hold
// up the next: Handle begins them, and the next batch is handled meanwhile.
type Finisher interface {
	Handler
	// Finish returns nil when the effects are durable of all records of the topic
	// that Handle has taken before the call; only then are their offsets
	// committed. After an error it is called again. Calls for one topic do not
	// overlap; it should return soon after ctx ends.
	Finish(ctx context.Context, topic string) error
}

// Assignee is a Handler that is told what it is assigned: one whose state is
// what it has read. Its calls do not overlap with each other, nor Assigned and
// Revoked with Handle.
type Assignee interface {
	Handler
	// Assigned begins an assignment, which may be empty, by topic. No record of
	// it has come yet.
	Assigned(shares map[string]Share)
	// CaughtUp says that all records are handled that the partitions had when
	// they were assigned. It is called once an assignment, if that is read
	// FromStart and lasts long enough.
	CaughtUp()
	// Revoked ends the assignment: when it returns, nothing is left at work.
	Revoked()
}

// Share is the part of a topic that one member is assigned.
type Share struct {
	Partitions []int // sorted
	// Of is how many partitions the topic has.
	Of int
}
