package event

import (
	"errors"
	"fmt"
	"mime"
)

// How an event is marked on Kafka and in HTTP.
const (
	HeaderContentType = "content-type"
	HeaderSchema      = "nova-schema"
	HeaderTraceparent = "traceparent"

	ContentTypeJSON     = "application/json"
	ContentTypeProtobuf = "application/x-protobuf"

	// Schema is the full name of the protobuf message.
	Schema = "nova.events.v1.Event"
)

// What keeps a record from being decoded at all; errors.Is tells them apart.
var (
	ErrEmpty       = errors.New("the record has no value")
	ErrContentType = errors.New("the content type is neither JSON nor protobuf")
)

// DecodeRecord reads the event of a record on Kafka by its content type, nil if
// it has none: then it is JSON, as older producers wrote it. Its error is
// ErrEmpty, ErrContentType or an *InvalidError.
func DecodeRecord(value, contentType []byte, into *Event) error {
	switch {
	case len(value) == 0:
		return ErrEmpty
	case contentType == nil:
		return DecodeJSON(value, into)
	}
	switch mediaType(contentType) {
	case ContentTypeProtobuf:
		return DecodeProtobuf(value, into)
	case ContentTypeJSON:
		return DecodeJSON(value, into)
	default:
		return fmt.Errorf("%w: %q", ErrContentType, contentType)
	}
}

// mediaType is a content type without its parameters; empty if it is malformed.
func mediaType(contentType []byte) string {
	if string(contentType) == ContentTypeProtobuf { // as our own API writes it
		return ContentTypeProtobuf
	}
	parsed, _, err := mime.ParseMediaType(string(contentType))
	if err != nil {
		return ""
	}
	return parsed
}
