package cause

import (
	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/event"
)

// readEvent reads a client event. Events that events-ingest refuses change
// nothing, so they need not be read here either.
func (r *Reader) readEvent(record *consumer.Record) Finding {
	if err := event.DecodeRecord(record.Value, record.Header(event.HeaderContentType), &r.event); err != nil {
		return Finding{Problem: problemOf(err)}
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
	default:
		return Finding{Ignored: ignoredUnknown}
	}
	addOnce(&r.cause.Users, e.UserID)
	if e.AuthorID != uuid.Nil {
		addOnce(&r.cause.Authors, e.AuthorID)
	} else {
		addOnce(&r.cause.Posts, e.PostID)
	}
	return Finding{Cause: &r.cause}
}
