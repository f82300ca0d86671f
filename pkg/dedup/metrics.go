package dedup

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	hits      metric.Int64Counter
	conflicts metric.Int64Counter
	bypasses  metric.Int64Counter
	pipelines metric.Float64Histogram
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	hits, err1 := meter.Int64Counter("event_deduplication_hits", metric.WithUnit("{event}"),
		metric.WithDescription("Records dropped because another record of the same event is the one to store."))
	conflicts, err2 := meter.Int64Counter("event_deduplication_conflicts_total", metric.WithUnit("{event}"),
		metric.WithDescription("Dropped records that say something else than the one kept: a client reuses event ids."))
	bypasses, err3 := meter.Int64Counter("event_deduplication_bypassed_total", metric.WithUnit("{event}"),
		metric.WithDescription("Records kept without asking Redis, because it failed: copies may be among them."))
	pipelines, err4 := meter.Float64Histogram("event_deduplication_pipeline_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time Redis took for one pipeline of claims."),
		metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	for _, counter := range []metric.Int64Counter{hits, conflicts, bypasses} {
		counter.Add(context.Background(), 0) // so that it is there before the first copy
	}
	return &metrics{hits: hits, conflicts: conflicts, bypasses: bypasses, pipelines: pipelines}, nil
}

func (m *metrics) claimed(ctx context.Context, b *Batch) {
	m.hits.Add(ctx, int64(b.duplicates))
	m.conflicts.Add(ctx, int64(b.conflicts))
}

func (m *metrics) bypassed(ctx context.Context, records int) { m.bypasses.Add(ctx, int64(records)) }

func (m *metrics) pipelined(ctx context.Context, took time.Duration) {
	m.pipelines.Record(ctx, took.Seconds())
}
