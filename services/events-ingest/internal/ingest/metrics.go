package ingest

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	duration  metric.Float64Histogram
	freshness metric.Float64Histogram
	stored    metric.Int64Counter
	errors    metric.Int64Counter
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	duration, err1 := meter.Float64Histogram("event_processing_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from a batch of records until they are stored: decoding, claims, letters and insert."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60))
	freshness, err2 := meter.Float64Histogram("event_freshness_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from the acceptance of an event until it can be queried in ClickHouse."),
		metric.WithExplicitBucketBoundaries(0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300, 900, 3600))
	stored, err3 := meter.Int64Counter("events_stored_total", metric.WithUnit("{event}"),
		metric.WithDescription("Rows inserted into post_events, repeated ones included."))
	failures, err4 := meter.Int64Counter("event_processing_errors_total", metric.WithUnit("{error}"),
		metric.WithDescription("What went wrong: records refused for good by reason (empty, content_type, syntax, invalid), "+
			"and attempts at a batch that failed and are repeated by step (letters, claim, insert)."))
	return &metrics{duration: duration, freshness: freshness, stored: stored, errors: failures},
		errors.Join(err1, err2, err3, err4)
}

// failed counts an attempt at a batch that will be repeated.
func (m *metrics) failed(ctx context.Context, step string) {
	m.errors.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", step)))
}

// handled records what a batch did. It is called once its rows are stored.
func (m *metrics) handled(ctx context.Context, b *batch, took time.Duration) {
	now := time.Now()
	for _, accepted := range b.accepted {
		m.freshness.Record(ctx, now.Sub(accepted).Seconds())
	}
	m.duration.Record(ctx, took.Seconds())
	m.stored.Add(ctx, int64(b.rows.block.Rows()))
	for reason, count := range b.refused {
		m.errors.Add(ctx, count, metric.WithAttributes(attribute.String("reason", string(reason))))
	}
}
