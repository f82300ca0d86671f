package api

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct{ duration metric.Float64Histogram }

func newMetrics(meter metric.Meter) (*metrics, error) {
	duration, err := meter.Float64Histogram("jobs_request_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time of a request to the API, by route and status."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	return &metrics{duration: duration}, err
}

func (m *metrics) answered(ctx context.Context, route string, status int, took time.Duration) {
	m.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("route", route), attribute.Int("status", status)))
}
