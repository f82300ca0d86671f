package producer

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics holds the instruments of one producer.
type metrics struct {
	records  metric.Int64Counter
	failures metric.Int64Counter
	retries  metric.Int64Counter
	duration metric.Float64Histogram
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	m := &metrics{}
	var problems [4]error
	m.records, problems[0] = meter.Int64Counter("producer_records_total",
		metric.WithDescription("Records acknowledged by every in-sync replica."), metric.WithUnit("{record}"))
	m.failures, problems[1] = meter.Int64Counter("producer_failures_total",
		metric.WithDescription("Records returned to their publisher as not acknowledged."), metric.WithUnit("{record}"))
	m.retries, problems[2] = meter.Int64Counter("producer_retries_total",
		metric.WithDescription("Requests repeated after an error that may pass."), metric.WithUnit("{request}"))
	m.duration, problems[3] = meter.Float64Histogram("producer_publish_duration_seconds",
		metric.WithDescription("Time from publishing to the acknowledgement of all its records."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
	return m, errors.Join(problems[:]...)
}

// published takes note of one Publish.
func (m *metrics) published(ctx context.Context, records []Record, failures []Failure, took time.Duration) {
	acknowledged, failed := map[string]int64{}, map[string]int64{}
	for i := range records {
		acknowledged[records[i].Topic]++
	}
	for _, f := range failures {
		acknowledged[f.Topic]--
		failed[f.Topic]++
	}
	for topic, n := range acknowledged {
		m.records.Add(ctx, n, of(topic))
	}
	for topic, n := range failed {
		m.failures.Add(ctx, n, of(topic))
	}
	m.duration.Record(ctx, took.Seconds())
}

func (m *metrics) retried(topic string) { m.retries.Add(context.Background(), 1, of(topic)) }

func of(topic string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("topic", topic)))
}
