package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/services/events-ingest/internal/api/token"
)

const (
	// retryAfterSeconds is when a client may try again after a 429 or 503.
	retryAfterSeconds = "1"
	// part is the name under which health reports the API.
	part = "events api"
	// anonymous is every caller while no token is asked for.
	anonymous = "anonymous"
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
	cfg      Config
	deps     Deps
	metrics  *metrics
	gate     *gate
	receiver *receiver
	cors     cors
	// callers is nil when no token is asked for.
	callers     *token.Callers
	description []byte
	headers     []producer.Header
	traceparent *regexp.Regexp
	isRefusing  atomic.Bool
}

// NewHandler returns the API. Its errors are the meter's and the tokens' file.
func NewHandler(cfg Config, deps Deps) (*Handler, error) {
	gate := &gate{maxRequests: int64(cfg.MaxConcurrent), maxBytes: cfg.MaxBytesInFlight}
	metrics, err := newMetrics(deps.Meter, gate)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	description, err := describe(cfg)
	if err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	h := &Handler{
		cfg:         cfg,
		deps:        deps,
		metrics:     metrics,
		gate:        gate,
		receiver:    newReceiver(cfg.MaxBodyBytes, gate),
		cors:        newCORS(cfg.CORSOrigins),
		description: description,
		headers: []producer.Header{
			{Key: event.HeaderContentType, Value: []byte(event.ContentTypeProtobuf)},
			{Key: event.HeaderSchema, Value: []byte(event.Schema)},
		},
		traceparent: regexp.MustCompile("^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"),
	}
	if cfg.TokensFile == "" {
		return h, nil
	}
	h.callers, err = token.Open(cfg.TokensFile, token.Deps{Health: deps.Health, Log: deps.Log})
	if err != nil {
		return nil, fmt.Errorf("HTTP_TOKENS_FILE: %w", err)
	}
	return h, nil
}

// Run keeps the callers those of the tokens' file until ctx ends.
func (h *Handler) Run(ctx context.Context) error {
	if h.callers != nil {
		return h.callers.Watch(ctx)
	}
	<-ctx.Done()
	return ctx.Err()
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, id: requestID(r.Header)}
	w.Header()[headerRequestID] = []string{x.id}
	x.isAllowed = h.cors.mark(w.Header(), r.Header)
	ctx := r.Context()
	var refusal *problem
	switch {
	case headerBytes(r.Header) > maxHeaderBytes:
		refusal = newProblem(http.StatusRequestHeaderFieldsTooLarge, "the headers must have at most "+strconv.Itoa(maxHeaderBytes)+" bytes")
	case r.URL.Path == "/v1/events" || r.URL.Path == "/events":
		refusal = h.events(ctx, x)
	case r.URL.Path == "/openapi.json":
		refusal = h.openAPI(x)
	default:
		refusal = newProblem(http.StatusNotFound, "post events to /v1/events; /openapi.json describes how")
	}
	if refusal != nil {
		h.refuse(ctx, x, refusal)
	}
}

func (h *Handler) refuse(ctx context.Context, x *exchange, p *problem) {
	p.RequestID = x.id
	h.metrics.refused(ctx, p.Status)
	h.tell(ctx, x, p.Status, 0)
	p.write(x.w)
}

// tell logs who was answered what.
func (h *Handler) tell(ctx context.Context, x *exchange, status, events int) {
	if h.deps.Log.Enabled(ctx, slog.LevelDebug) {
		h.deps.Log.DebugContext(ctx, "request answered",
			"request_id", x.id, "caller", x.caller, "path", x.r.URL.Path, "status", status, "events", events)
	}
}

// events takes a post, or returns the answer to one that is refused.
func (h *Handler) events(ctx context.Context, x *exchange) *problem {
	started := time.Now()
	switch {
	case h.cors.isPreflight(x.r):
		h.cors.preflight(x, http.MethodPost)
		return nil
	case x.r.Method != http.MethodPost:
		return notAllowed(h.allowed(http.MethodPost), "events are posted")
	}
	if refusal := h.identify(ctx, x); refusal != nil {
		return refusal
	}
	defer func() { h.gate.give(x.taken) }()
	events, refusal := h.read(x)
	if refusal != nil {
		return refusal
	}
	// Those that still send are bounded by their bytes and by connections: else a few
	// slow ones would keep all others out.
	if !h.gate.enter() {
		return tooMany("too many requests are in hand: send the identical body again")
	}
	defer h.gate.leave()
	if err := h.publish(ctx, x.r.Header, events); err != nil {
		return h.unpublished(ctx, x, err)
	}
	h.resumed(ctx)
	h.metrics.accepted(ctx, len(events), time.Since(started))
	h.tell(ctx, x, http.StatusAccepted, len(events))
	accepted(x.w, len(events))
	return nil
}

// allowed is the Allow header of a resource.
func (h *Handler) allowed(methods string) string {
	if h.cors.isOn() {
		return methods + ", " + http.MethodOptions
	}
	return methods
}

// identify finds out who calls.
func (h *Handler) identify(ctx context.Context, x *exchange) *problem {
	const challenge = `Bearer realm="nova events"`
	if h.callers == nil {
		x.caller = anonymous
	} else {
		given := x.r.Header.Get("Authorization")
		name, isKnown := h.callers.Caller(given)
		switch {
		case given == "":
			return newProblem(http.StatusUnauthorized, "a bearer token is needed").with("WWW-Authenticate", challenge)
		case !isKnown:
			return newProblem(http.StatusUnauthorized, "the bearer token is not known").
				with("WWW-Authenticate", challenge+`, error="invalid_token"`)
		}
		x.caller = name
	}
	h.metrics.called(ctx, x.caller)
	return nil
}

// read returns the events of a request, or the answer to one that is refused.
func (h *Handler) read(x *exchange) (events []event.Event, refusal *problem) {
	isGzip, refusal := encodingOf(x.r.Header)
	if refusal != nil {
		return nil, refusal
	}
	decode, refusal := decoderOf(x.r.Header)
	if refusal != nil {
		return nil, refusal
	}
	refusal = h.receiver.receive(x, isGzip, func(body []byte) *problem {
		now := h.deps.Now()
		var err error
		events, err = decode(body, event.Bounds{
			MaxEvents: h.cfg.MaxEvents,
			Earliest:  now.Add(-h.cfg.MaxEventAge),
			Latest:    now.Add(h.cfg.MaxEventAhead),
		})
		var broken *event.InvalidError
		switch {
		case errors.As(err, &broken):
			return invalid(broken)
		case err != nil:
			return newProblem(http.StatusBadRequest, err.Error())
		}
		return nil
	})
	return events, refusal
}

// accepted answers 202.
func accepted(w http.ResponseWriter, count int) {
	w.Header()["Content-Type"] = []string{event.ContentTypeJSON}
	w.WriteHeader(http.StatusAccepted)
	body := strconv.AppendInt(append(make([]byte, 0, 48), `{"success":true,"count":`...), int64(count), 10)
	_, _ = w.Write(append(body, "}\n"...)) // a client that is gone gets nothing
}
