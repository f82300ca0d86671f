package ingest

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"
)

type metrics struct{ freshness metric.Float64Histogram }

func newMetrics(meter metric.Meter) (*metrics, error) {
	freshness, err := meter.Float64Histogram("event_freshness_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from the acceptance of an event until it can be queried in ClickHouse."),
		metric.WithExplicitBucketBoundaries(0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300, 900, 3600))
	if err != nil {
		return nil, fmt.Errorf("creating a histogram: %w", err)
	}
	return &metrics{freshness: freshness}, nil
}

// stored takes note of rows, by the times at which their events were accepted.
func (m *metrics) stored(ctx context.Context, accepted []time.Time) {
	now := time.Now()
	for _, at := range accepted {
		m.freshness.Record(ctx, now.Sub(at).Seconds())
	}
}
