package consumer

import (
	"context"
	"errors"
	"time"
)

// Sink is a service that stores what it reads. It takes the place of a Handler:
// a lane prepares the next batch while it stores the one before.
type Sink interface {
	// Prepare makes records, all of one topic, ready to be stored: it decodes them
	// and claims what needs claiming. Calls of one lane do not overlap, those of
	// several lanes do. After an error the same records come again, after a pause.
	Prepare(ctx context.Context, records []Record) (Load, error)
}

// Load is a prepared batch. Its records are valid until Done. Its calls do not
// overlap, and each is made again, after a pause, when it has failed.
type Load interface {
	// Rejects returns how many records can never be stored and have no
	// acknowledged letter yet.
	Rejects() int
	// Bury returns nil when the letters of all rejected records are acknowledged.
	Bury(ctx context.Context) error
	// Store returns nil when every row is stored, exactly once if the plan has a
	// text. ErrRejected says that records were found which can never be stored:
	// after Bury it is called again, to store the others.
	Store(ctx context.Context, plan Plan) error
	// Done is the last call. It tells whether the batch is committed, or forgotten
	// for its next owner to read again.
	Done(isCommitted bool)
}

// ErrRejected is the error of a Store that found records which the table refuses.
var ErrRejected = errors.New("records were rejected")

// Plan is what names a batch for good. The zero Plan is none: then rows go to
// tables where storing them again is harmless.
type Plan struct {
	// Text is "topic|p:first-last,…|t=ms"; with the name of a table behind it, it
	// is the token of the batch's block for that table.
	Text string
	// At is when the plan was made, by its maker's clock, in milliseconds.
	At time.Time
	// IsReplay says that the plan was found: others may have tried to store it.
	IsReplay bool
}

// Holder is a Sink that can tell whether records of a partition are stored.
type Holder interface {
	// Holds says whether any is.
	Holds(ctx context.Context, topic string, partition int) (bool, error)
}

// Prober is a Sink that can tell whether what it depends on works, at least for
// this process.
type Prober interface {
	// Probe returns nil when it does.
	Probe(ctx context.Context) error
}
