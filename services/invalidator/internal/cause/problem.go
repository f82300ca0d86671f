package cause

import (
	"errors"

	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/event"
)

// Reason is why a record could not be read.
type Reason string

// The reasons.
const (
	ReasonEmpty       Reason = "empty"
	ReasonContentType Reason = "content_type"
	ReasonSyntax      Reason = "syntax"
	ReasonInvalid     Reason = "invalid"
	ReasonEnvelope    Reason = "envelope"
	ReasonFlattened   Reason = "flattened"
	// ReasonColumn is an id that is missing, no UUID, or zero: where the table's
	// replica identity does not hold it, a delete has "" in its place.
	ReasonColumn Reason = "column"
	ReasonTopic  Reason = "topic"
)

// Problem is what could not be read of a record.
type Problem struct {
	Reason Reason
	Err    error
}

// problemOf classifies an error of a decoder.
func problemOf(err error) *Problem {
	var invalid *event.InvalidError
	reason := ReasonInvalid
	switch {
	case errors.Is(err, event.ErrEmpty):
		reason = ReasonEmpty
	case errors.Is(err, event.ErrContentType):
		reason = ReasonContentType
	case errors.Is(err, debezium.ErrSyntax), errors.As(err, &invalid) && invalid.IsSyntax:
		reason = ReasonSyntax
	case errors.Is(err, debezium.ErrFlattened):
		reason = ReasonFlattened
	case errors.Is(err, debezium.ErrEnvelope):
		reason = ReasonEnvelope
	}
	return &Problem{Reason: reason, Err: err}
}
