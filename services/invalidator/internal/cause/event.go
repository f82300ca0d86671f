package cause

import (
	"errors"
	"fmt"
	"mime"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/event"
)

// readEvent reads a client event. Events that events-ingest refuses change
// nothing, so they need not be read here either.
func (r *Reader) readEvent(record *consumer.Record) Finding {
	if problem := r.decodeEvent(record); problem != nil {
		return Finding{Problem: problem}
	}
	e := &r.event
	switch e.Action {
	case event.View:
		return Finding{Ignored: ignoredView}
	case event.Impression:
		return Finding{Ignored: ignoredImpression}
	case event.Like:
		r.cause.Kind = Like
	case event.Comment:
		r.cause.Kind = Comment
	case event.Share:
		r.cause.Kind = Share
	}
	addOnce(&r.cause.Users, e.UserID)
	if e.AuthorID != uuid.Nil {
		addOnce(&r.cause.Authors, e.AuthorID)
	} else {
		addOnce(&r.cause.Posts, e.PostID)
	}
	return Finding{Cause: &r.cause}
}

// decodeEvent reads the event by its content type. Without one it is JSON, as
// older producers wrote it.
func (r *Reader) decodeEvent(record *consumer.Record) *Problem {
	if len(record.Value) == 0 {
		return &Problem{ReasonEmpty, errors.New("the record has no value")}
	}
	decode := event.DecodeJSON
	if contentType, isGiven := header(record, event.HeaderContentType); isGiven {
		switch mediaType(contentType) {
		case event.ContentTypeProtobuf:
			decode = event.DecodeProtobuf
		case event.ContentTypeJSON:
		default:
			return &Problem{ReasonContentType, fmt.Errorf("content type %q is neither JSON nor protobuf", contentType)}
		}
	}
	if err := decode(record.Value, &r.event); err != nil {
		return problemOf(err)
	}
	return nil
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
func header(record *consumer.Record, name string) (value []byte, isGiven bool) {
	for i := len(record.Headers) - 1; i >= 0; i-- {
		if record.Headers[i].Key == name {
			return record.Headers[i].Value, true
		}
	}
	return nil, false
}
