package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/producer"
)

// publish returns nil when Kafka has all events.
func (h *Handler) publish(r *http.Request, events []event.Event) error {
	headers := h.headers(r)
	now := h.deps.Now()
	records := make([]producer.Record, len(events))
	for i := range events {
		records[i] = producer.Record{
			Topic:   h.deps.Topic,
			Key:     []byte(events[i].UserID.String()),
			Value:   events[i].AppendProtobuf(nil),
			Headers: headers,
			Time:    now,
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.PublishTimeout)
	defer cancel()
	return h.deps.Publisher.Publish(ctx, records...)
}

// headers are those of every record of a request.
func (h *Handler) headers(r *http.Request) []producer.Header {
	headers := []producer.Header{
		{Key: event.HeaderContentType, Value: []byte(event.ContentTypeProtobuf)},
		{Key: event.HeaderSchema, Value: []byte(event.Schema)},
	}
	if parent := r.Header.Get(event.HeaderTraceparent); h.traceparent.MatchString(parent) {
		headers = append(headers, producer.Header{Key: event.HeaderTraceparent, Value: []byte(parent)})
	}
	return headers
}

// unpublished is the answer when Kafka did not take all events.
func (h *Handler) unpublished(ctx context.Context, err error) *problem {
	if errors.Is(err, producer.ErrTooLarge) {
		return newProblem(http.StatusRequestEntityTooLarge, "an event is larger than Kafka takes")
	}
	if ctx.Err() == nil { // else it was the client that gave up
		h.deps.Health.Degraded(part, "Kafka does not take events: "+err.Error())
		if !h.isRefusing.Swap(true) {
			h.deps.Log.WarnContext(ctx, "answering 503 because Kafka does not take events", "error", err)
		}
	}
	return newProblem(http.StatusServiceUnavailable, "a part of the events may have been accepted: send the identical body again")
}

func (h *Handler) resumed(ctx context.Context) {
	if h.isRefusing.Load() && h.isRefusing.Swap(false) {
		h.deps.Health.Healthy(part)
		h.deps.Log.InfoContext(ctx, "Kafka takes events again")
	}
}

func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") || strings.EqualFold(charset, "us-ascii")
}
