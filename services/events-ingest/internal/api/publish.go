package api

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/producer"
)

const (
	uuidTextBytes = 36
	// fixedBytes is about what an event takes on Kafka beside its texts.
	fixedBytes = 128
)

// publish returns nil when Kafka has all events.
func (h *Handler) publish(ctx context.Context, request http.Header, events []event.Event) error {
	headers := h.headersFor(request)
	now := h.deps.Now()
	records := make([]producer.Record, len(events))
	// One piece of memory holds all keys and values. It is not used again: records
	// that were given up may still be on their way.
	size := 0
	for i := range events {
		size += recordBytes(&events[i])
	}
	arena := make([]byte, 0, size)
	for i := range events {
		start := len(arena)
		arena = appendUUID(arena, events[i].UserID)
		end := len(arena)
		arena = events[i].AppendProtobuf(arena)
		records[i] = producer.Record{
			Topic:   h.deps.Topic,
			Key:     arena[start:end:end],
			Value:   arena[end:len(arena):len(arena)],
			Headers: headers,
			Time:    now,
		}
	}
	// A client that leaves takes nothing back: its records stay on their way, and must
	// count as in hand for as long.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.PublishTimeout)
	defer cancel()
	return h.deps.Publisher.Publish(ctx, records...)
}

// recordBytes is about what an event takes on Kafka, rather more than less.
func recordBytes(e *event.Event) int {
	const perAttribute = 12 // two tags and lengths within a tag and a length
	size := uuidTextBytes + fixedBytes + len(e.Device) + len(e.AppVersion) + len(e.DeviceID)
	for _, attribute := range e.Attributes {
		size += perAttribute + len(attribute.Name) + len(attribute.Value)
	}
	return size
}

// appendUUID appends what id.String returns.
func appendUUID(dst []byte, id uuid.UUID) []byte {
	dst = hex.AppendEncode(dst, id[:4])
	for _, part := range [...][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		dst = hex.AppendEncode(append(dst, '-'), part)
	}
	return dst
}

// headersFor are those of every record of a request.
func (h *Handler) headersFor(request http.Header) []producer.Header {
	parent := request.Get(event.HeaderTraceparent)
	if parent == "" || !h.traceparent.MatchString(parent) {
		return h.headers
	}
	return append(h.headers[:len(h.headers):len(h.headers)],
		producer.Header{Key: event.HeaderTraceparent, Value: []byte(parent)})
}

// unpublished is the answer when Kafka did not take all events.
func (h *Handler) unpublished(ctx context.Context, x *exchange, err error) *problem {
	if errors.Is(err, producer.ErrTooLarge) {
		return tooLarge(err)
	}
	if ctx.Err() == nil { // else it was the client that gave up
		h.deps.Health.Degraded(part, "Kafka does not take events: "+err.Error())
		if !h.isRefusing.Swap(true) {
			h.deps.Log.WarnContext(ctx, "answering 503 because Kafka does not take events", "request_id", x.id, "error", err)
		}
	}
	return newProblem(http.StatusServiceUnavailable, "a part of the events may have been accepted: send the identical body again").
		with("Retry-After", retryAfterSeconds)
}

// tooLarge names the events that are larger than Kafka takes.
func tooLarge(err error) *problem {
	p := newProblem(http.StatusRequestEntityTooLarge, "an event is larger than Kafka takes, and a part of the others may have been accepted")
	var partial *producer.PublishError
	if errors.As(err, &partial) {
		for i := range partial.Failures {
			if f := &partial.Failures[i]; errors.Is(f.Err, producer.ErrTooLarge) {
				p.Errors = append(p.Errors, fault{Index: &f.Index, Rule: "must be smaller: " + f.Err.Error()})
			}
		}
	}
	return p
}

func (h *Handler) resumed(ctx context.Context) {
	if h.isRefusing.Load() && h.isRefusing.Swap(false) {
		h.deps.Health.Healthy(part)
		h.deps.Log.InfoContext(ctx, "Kafka takes events again")
	}
}
