package api

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	duration metric.Float64Histogram
	events   metric.Int64Counter
	refusals metric.Int64Counter
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	duration, err1 := meter.Float64Histogram("events_accept_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from a request's headers to its 202, Kafka's acknowledgement included."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	events, err2 := meter.Int64Counter("events_accepted_total", metric.WithUnit("{event}"),
		metric.WithDescription("Events of requests that were answered 202."))
	refusals, err3 := meter.Int64Counter("events_requests_refused_total", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that were not answered 202, by status."))
	return &metrics{duration: duration, events: events, refusals: refusals}, errors.Join(err1, err2, err3)
}

func (m *metrics) accepted(ctx context.Context, events int, took time.Duration) {
	m.duration.Record(ctx, took.Seconds())
	m.events.Add(ctx, int64(events))
}

func (m *metrics) refused(ctx context.Context, status int) {
	m.refusals.Add(ctx, 1, metric.WithAttributes(attribute.Int("status", status)))
}
