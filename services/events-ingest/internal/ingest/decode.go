package ingest

import (
	"errors"
	"fmt"
	"mime"

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

// decode reads the event of a record; nil if it could. Without a content type it
// is JSON, as older producers wrote it.
func decode(record *consumer.Record, into *event.Event) *refusal {
	if len(record.Value) == 0 {
		return &refusal{reasonEmpty, errors.New("the record has no value")}
	}
	decoder := event.DecodeJSON
	if contentType, given := header(record, event.HeaderContentType); given {
		switch mediaType(contentType) {
		case event.ContentTypeProtobuf:
			decoder = event.DecodeProtobuf
		case event.ContentTypeJSON:
		default:
			return &refusal{reasonContentType, fmt.Errorf("content type %q is neither JSON nor protobuf", contentType)}
		}
	}
	err := decoder(record.Value, into)
	var invalid *event.InvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.IsSyntax:
		return &refusal{reasonSyntax, err}
	default:
		return &refusal{reasonInvalid, err}
	}
}

// mediaType is a content type without its parameters; empty if it is malformed.
func mediaType(contentType []byte) string {
	if string(contentType) == event.ContentTypeProtobuf { // as our own API writes it
		return event.ContentTypeProtobuf
	}
	parsed, _, err := mime.ParseMediaType(string(contentType))
	if err != nil {
		return ""
	}
	return parsed
}

// header returns the last header of that name, as Kafka's own clients do.
func header(record *consumer.Record, name string) (value []byte, given bool) {
	for i := len(record.Headers) - 1; i >= 0; i-- {
		if record.Headers[i].Key == name {
			return record.Headers[i].Value, true
		}
	}
	return nil, false
}
