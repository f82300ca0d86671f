package sink

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	duration metric.Float64Histogram
	failures metric.Int64Counter
	letters  metric.Int64Counter
	rows     metric.Int64Counter
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	var m metrics
	var problems [4]error
	m.duration, problems[0] = meter.Float64Histogram("event_processing_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from a batch of records until its rows are stored: decoding, claims, letters, plan and insert."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60))
	m.failures, problems[1] = meter.Int64Counter("event_processing_errors_total", metric.WithUnit("{error}"),
		metric.WithDescription("Attempts at a batch that failed and are repeated, by step: prepare, complete, letters, insert, finish, or guard while it pauses."))
	m.letters, problems[2] = meter.Int64Counter("dead_letters_total", metric.WithUnit("{letter}"),
		metric.WithDescription("Records whose dead letter is acknowledged, by reason, which is the letter's error class."))
	m.rows, problems[3] = meter.Int64Counter("stored_rows_total", metric.WithUnit("{row}"),
		metric.WithDescription("Rows stored and committed, repeated ones included."))
	return &m, errors.Join(problems[:]...)
}

// failed counts an attempt that will be repeated. One that was given up because
// ctx ended is none.
func (m *metrics) failed(ctx context.Context, topic, step string) {
	if ctx.Err() == nil {
		m.failures.Add(ctx, 1, metric.WithAttributes(attribute.String("topic", topic), attribute.String("step", step)))
	}
}

// buried counts acknowledged letters.
func (m *metrics) buried(ctx context.Context, topic string, refused []refusedRecord) {
	for _, r := range reasons(refused) {
		m.letters.Add(ctx, int64(r.Count), metric.WithAttributes(attribute.String("topic", topic), attribute.String("reason", r.Class)))
	}
}

// handled records a batch that is stored and committed.
func (m *metrics) handled(ctx context.Context, l *load) {
	topic := attribute.String("topic", l.topic.name)
	m.duration.Record(ctx, l.stored.Sub(l.started).Seconds(), metric.WithAttributes(topic))
	m.rows.Add(ctx, int64(l.block.Rows()), metric.WithAttributes(topic, attribute.String("table", l.batch.Table())))
}
