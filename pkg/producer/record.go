package producer

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Record is a record to publish.
type Record struct {
	Topic string
	// Key decides the partition; records without a key share one. A nil Key or
	// Value is null on Kafka, which is not the same as empty.
	Key, Value []byte
	Headers    []Header
	// Time is the record's timestamp, in milliseconds; zero means now.
	Time time.Time
}

// Header is a record header.
type Header struct {
	Key   string
	Value []byte
}

// size returns the payload of r in bytes.
func (r *Record) size() int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

var (
	// ErrTooLarge says that a record exceeds Config.MaxRecordBytes or what its
	// topic takes. Trying again is no use.
	ErrTooLarge = errors.New("record is too large")
	// ErrClosed says that the producer has been closed.
	ErrClosed = errors.New("producer is closed")
)

// Failure is a record that was not acknowledged.
type Failure struct {
	// Index is the record's place among the arguments of Publish.
	Index int
	Topic string
	Err   error
}

// PublishError lists the records of one Publish that were not acknowledged, in
// order. The others were.
type PublishError struct {
	Failures []Failure
	// Total is how many records there were.
	Total int
}

// Error names the first few failures.
func (e *PublishError) Error() string {
	const shown = 3
	var text strings.Builder
	fmt.Fprintf(&text, "publishing %d of %d records", len(e.Failures), e.Total)
	for _, f := range e.Failures[:min(shown, len(e.Failures))] {
		fmt.Fprintf(&text, "; record %d for topic %s: %v", f.Index, f.Topic, f.Err)
	}
	if more := len(e.Failures) - shown; more > 0 {
		fmt.Fprintf(&text, "; and %d more", more)
	}
	return text.String()
}

// Unwrap returns the failures' errors.
func (e *PublishError) Unwrap() []error {
	all := make([]error, 0, len(e.Failures))
	for _, f := range e.Failures {
		all = append(all, f.Err)
	}
	return all
}
