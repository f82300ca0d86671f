package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"regexp"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/producer"
)

const (
	// retryAfterSeconds is when a client may try again after a 503.
	retryAfterSeconds = "1"
	// part is the name under which health reports the API.
	part = "events api"
)

// Publisher puts records on Kafka.
type Publisher interface {
	// Publish returns nil when all records are acknowledged by every in-sync
	// replica.
	Publish(ctx context.Context, records ...producer.Record) error
}

// Health is told what works worse than it should.
type Health interface {
	Degraded(part, reason string)
	Healthy(part string)
}

// Deps is what a Handler works with.
type Deps struct {
	Topic     string
	Publisher Publisher
	Health    Health
	Log       *slog.Logger
	Meter     metric.Meter
	// Now is the clock by which events are accepted.
	Now func() time.Time
}

// Handler accepts events over HTTP.
type Handler struct {
	cfg         Config
	deps        Deps
	metrics     *metrics
	traceparent *regexp.Regexp
	mux         *http.ServeMux
	isRefusing  atomic.Bool
}

// NewHandler returns the routes of the API. Its error is the meter's.
func NewHandler(cfg Config, deps Deps) (*Handler, error) {
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	h := &Handler{
		cfg:         cfg,
		deps:        deps,
		metrics:     metrics,
		traceparent: regexp.MustCompile("^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"),
		mux:         http.NewServeMux(),
	}
	h.mux.HandleFunc("/v1/events", h.events)
	h.mux.HandleFunc("/events", h.events)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h.refuse(w, r, newProblem(http.StatusNotFound, "post events to /v1/events"))
	})
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// accepted is the body of a 202.
type accepted struct {
	Success bool `json:"success"`
	Count   int  `json:"count"`
}

func (h *Handler) events(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	events, refusal := h.read(w, r)
	if refusal != nil {
		h.refuse(w, r, refusal)
		return
	}
	if err := h.publish(r, events); err != nil {
		h.refuse(w, r, h.unpublished(r.Context(), err))
		return
	}
	h.resumed(r.Context())
	h.metrics.accepted(r.Context(), len(events), time.Since(started))
	writeJSON(w, event.ContentTypeJSON, http.StatusAccepted, accepted{Success: true, Count: len(events)})
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	switch p.Status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfterSeconds)
	}
	h.metrics.refused(r.Context(), p.Status)
	p.write(w)
}

// read returns the events of a request, or the answer to one that is refused.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]event.Event, *problem) {
	if r.Method != http.MethodPost {
		return nil, newProblem(http.StatusMethodNotAllowed, "events are posted")
	}
	decode, refusal := decoderOf(r)
	if refusal != nil {
		return nil, refusal
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body must have at most %d bytes", h.cfg.MaxBodyBytes))
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "the body could not be read to its end")
	}
	now := h.deps.Now()
	events, err := decode(body, event.Bounds{
		MaxEvents: h.cfg.MaxEvents,
		Earliest:  now.Add(-h.cfg.MaxEventAge),
		Latest:    now.Add(h.cfg.MaxEventAhead),
	})
	var broken *event.InvalidError
	switch {
	case errors.As(err, &broken):
		return nil, invalid(broken)
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, err.Error())
	}
	return events, nil
}

type decoder func(body []byte, bounds event.Bounds) ([]event.Event, error)

// decoderOf picks the form of the body. What `curl -d` claims to send when it is
// not told otherwise, and no claim at all, are taken for JSON.
func decoderOf(r *http.Request) (decoder, *problem) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, newProblem(http.StatusUnsupportedMediaType, "the body must not be compressed")
	}
	given := r.Header.Get("Content-Type")
	if given == "" {
		return event.DecodeJSONBatch, nil
	}
	mediaType, parameters, err := mime.ParseMediaType(given)
	if err == nil && parameters["charset"] != "" && !isUTF8(parameters["charset"]) {
		return nil, newProblem(http.StatusUnsupportedMediaType, "the charset must be UTF-8")
	}
	switch {
	case err == nil && (mediaType == event.ContentTypeJSON || mediaType == "application/x-www-form-urlencoded"):
		return event.DecodeJSONBatch, nil
	case err == nil && (mediaType == event.ContentTypeProtobuf || mediaType == "application/protobuf"):
		return event.DecodeProtobufBatch, nil
	}
	return nil, newProblem(http.StatusUnsupportedMediaType,
		"the content type must be "+event.ContentTypeJSON+" or "+event.ContentTypeProtobuf)
}
