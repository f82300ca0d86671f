package event

import (
	"errors"
	"fmt"
	"mime"
	"unsafe"
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
	return decodeRecord(value, string(value), contentType, into)
}

// DecodeShared is DecodeRecord without the copy: the event's texts are parts of
// value, which must not change for as long as any of them is in use.
func DecodeShared(value, contentType []byte, into *Event) error {
	text := unsafe.String(unsafe.SliceData(value), len(value)) //nolint:gosec // the caller leaves value as it is
	return decodeRecord(value, text, contentType, into)
}

// decodeRecord reads value, of which text has the same bytes.
func decodeRecord(value []byte, text string, contentType []byte, into *Event) error {
	if len(value) == 0 {
		return ErrEmpty
	}
	switch mediaType(contentType) {
	case ContentTypeProtobuf:
		d := newProtobufDecoder(value, text)
		return d.record(into)
	case ContentTypeJSON:
		var d jsonDecoder
		return d.record(text, into)
	default:
		return fmt.Errorf("%w: %q", ErrContentType, contentType)
	}
}

// mediaType is a content type without its parameters; empty if it is malformed.
func mediaType(contentType []byte) string {
	switch string(contentType) { // as most producers write it
	case ContentTypeProtobuf:
		return ContentTypeProtobuf
	case ContentTypeJSON:
		return ContentTypeJSON
	}
	if contentType == nil {
		return ContentTypeJSON
	}
	parsed, _, err := mime.ParseMediaType(string(contentType))
	if err != nil {
		return ""
	}
	return parsed
}
