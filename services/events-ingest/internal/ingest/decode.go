package ingest

import (
	"errors"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/event"
)

// reason is why a record can never be stored: the letter's error class.
type reason string

const (
	reasonEmpty       reason = "empty"
	reasonContentType reason = "content_type"
	reasonSyntax      reason = "syntax"
	reasonInvalid     reason = "invalid"
)

// refusal is a record that can never be stored.
type refusal struct {
	reason reason
	err    error
}

// decode reads the event of a record, whose memory it shares: the record's is never
// used again for another. It is nil if it could.
func decode(record *consumer.Record, into *event.Event) *refusal {
	err := event.DecodeShared(record.Value, record.Header(event.HeaderContentType), into)
	var invalid *event.InvalidError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, event.ErrEmpty):
		return &refusal{reasonEmpty, err}
	case errors.Is(err, event.ErrContentType):
		return &refusal{reasonContentType, err}
	case errors.As(err, &invalid) && invalid.IsSyntax:
		return &refusal{reasonSyntax, err}
	default:
		return &refusal{reasonInvalid, err}
	}
}
