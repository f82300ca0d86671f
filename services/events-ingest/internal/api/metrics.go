package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	duration metric.Float64Histogram
	events   metric.Int64Counter
	refusals metric.Int64Counter
	requests metric.Int64Counter
	// byStatus and byCaller hold attribute sets that are made once.
	byStatus map[int]metric.AddOption
	byCaller sync.Map // of metric.AddOption by name
}

func newMetrics(meter metric.Meter, gate *gate) (*metrics, error) {
	duration, err1 := meter.Float64Histogram("events_accept_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from a request's headers to its 202, Kafka's acknowledgement included."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	events, err2 := meter.Int64Counter("events_accepted_total", metric.WithUnit("{event}"),
		metric.WithDescription("Events of requests that were answered 202."))
	refusals, err3 := meter.Int64Counter("events_requests_refused_total", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that were not answered 202, by status."))
	requests, err4 := meter.Int64Counter("events_requests_total", metric.WithUnit("{request}"),
		metric.WithDescription("Posts by the name of whose token was sent; \"anonymous\" while none is asked for."))
	_, err5 := meter.Int64ObservableGauge("events_requests_in_flight", metric.WithUnit("{request}"),
		metric.WithDescription("Posts in hand; at HTTP_MAX_CONCURRENT the answer to more is 429."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(gate.requests.Load())
			return nil
		}))
	_, err6 := meter.Int64ObservableGauge("events_body_bytes_in_flight", metric.WithUnit("By"),
		metric.WithDescription("Bytes of bodies in hand; at HTTP_MAX_BYTES_IN_FLIGHT the answer to more is 429."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(gate.bytes.Load())
			return nil
		}))
	m := &metrics{duration: duration, events: events, refusals: refusals, requests: requests, byStatus: map[int]metric.AddOption{}}
	for _, status := range []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestTimeout,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusServiceUnavailable,
	} {
		m.byStatus[status] = metric.WithAttributeSet(attribute.NewSet(attribute.Int("status", status)))
	}
	return m, errors.Join(err1, err2, err3, err4, err5, err6)
}

func (m *metrics) accepted(ctx context.Context, events int, took time.Duration) {
	m.duration.Record(ctx, took.Seconds())
	m.events.Add(ctx, int64(events))
}

func (m *metrics) refused(ctx context.Context, status int) {
	m.refusals.Add(ctx, 1, m.byStatus[status])
}

// called counts a request. The names are those of the tokens' file: few.
func (m *metrics) called(ctx context.Context, caller string) {
	option, isKnown := m.byCaller.Load(caller)
	if !isKnown {
		option, _ = m.byCaller.LoadOrStore(caller, metric.WithAttributeSet(attribute.NewSet(attribute.String("caller", caller))))
	}
	if option, isOption := option.(metric.AddOption); isOption {
		m.requests.Add(ctx, 1, option)
	}
}
