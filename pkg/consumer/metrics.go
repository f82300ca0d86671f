package consumer

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics holds the instruments of one consumer.
type metrics struct {
	meter metric.Meter
	group attribute.KeyValue

	commits       metric.Int64Counter
	commitsFailed metric.Int64Counter
	records       metric.Int64Counter
	aborted       metric.Int64Counter
	lost          metric.Int64Counter
	replays       metric.Int64Counter
	memory        metric.Int64ObservableGauge
	pauses        metric.Int64Counter
	batchRows     metric.Int64Histogram
	lag           metric.Int64ObservableGauge
	oldest        metric.Float64ObservableGauge
}

func newMetrics(meter metric.Meter, group string) (*metrics, error) {
	m := &metrics{meter: meter, group: attribute.String("group", group)}
	var problems [11]error
	m.commits, problems[0] = meter.Int64Counter("cdc_offset_commits_total",
		metric.WithDescription("Offset commits that were acknowledged."), metric.WithUnit("{commit}"))
	m.commitsFailed, problems[1] = meter.Int64Counter("cdc_offset_commits_failed",
		metric.WithDescription("Offset commits that were refused or not answered."), metric.WithUnit("{commit}"))
	m.records, problems[2] = meter.Int64Counter("consumer_records_total",
		metric.WithDescription("Records handled and committed."), metric.WithUnit("{record}"))
	m.aborted, problems[3] = meter.Int64Counter("consumer_aborted_records_total",
		metric.WithDescription("Records left out because their transaction was aborted."), metric.WithUnit("{record}"))
	m.lost, problems[4] = meter.Int64Counter("consumer_lost_offsets_total",
		metric.WithDescription("Offsets that left the log before they were read. Above 0, data is missing."), metric.WithUnit("{offset}"))
	m.pauses, problems[5] = meter.Int64Counter("consumer_pauses_total",
		metric.WithDescription("Times that consumption paused, by reason."), metric.WithUnit("{pause}"))
	m.batchRows, problems[6] = meter.Int64Histogram("consumer_batch_rows",
		metric.WithDescription("Records in a batch."), metric.WithUnit("{record}"),
		metric.WithExplicitBucketBoundaries(1, 10, 100, 1000, 5000, 10000, 25000, 50000, 100000))
	m.lag, problems[7] = meter.Int64ObservableGauge("consumer_lag",
		metric.WithDescription("Offsets between the committed one and the end of the log, of the partitions assigned."), metric.WithUnit("{offset}"))
	m.oldest, problems[8] = meter.Float64ObservableGauge("consumer_oldest_unprocessed_seconds",
		metric.WithDescription("Age of the oldest record that was read and not committed, of the partitions assigned."), metric.WithUnit("s"))
	m.replays, problems[9] = meter.Int64Counter("consumer_plan_replays_total",
		metric.WithDescription("Batches that were planned by an earlier owner, or in an earlier life, and stored again under their name."), metric.WithUnit("{batch}"))
	m.memory, problems[10] = meter.Int64ObservableGauge("consumer_held_bytes",
		metric.WithDescription("Memory of records that are fetched and not yet done with; MEMORY_BUDGET bounds it."), metric.WithUnit("By"))
	return m, errors.Join(problems[:]...)
}

// begin makes the counters show for a topic before there is anything to count: an
// alert on what never was would not work.
func (m *metrics) begin(ctx context.Context, topic string) {
	for _, counter := range []metric.Int64Counter{m.commits, m.commitsFailed, m.records, m.replays, m.lost} {
		counter.Add(ctx, 0, m.of(topic, ""))
	}
}

// of returns the attributes for a topic and reason; either may be empty.
func (m *metrics) of(topic, reason string) metric.MeasurementOption {
	set := []attribute.KeyValue{m.group}
	if topic != "" {
		set = append(set, attribute.String("topic", topic))
	}
	if reason != "" {
		set = append(set, attribute.String("reason", reason))
	}
	return metric.WithAttributeSet(attribute.NewSet(set...))
}

// pausesOf counts pauses of a topic.
func (m *metrics) pausesOf(topic string) func(ctx context.Context, reason string) {
	return func(ctx context.Context, reason string) { m.pauses.Add(ctx, 1, m.of(topic, reason)) }
}

// show reports the progress of an assignment until stopped, so that a revoked
// partition is reported by its new owner alone.
func (m *metrics) show(a assignment, b *budget) (stop func() error, err error) {
	attributes := make([]metric.MeasurementOption, 0, len(a))
	for _, p := range a {
		attributes = append(attributes, metric.WithAttributeSet(attribute.NewSet(
			m.group, attribute.String("topic", p.topic), attribute.Int("partition", p.partition))))
	}
	held := metric.WithAttributeSet(attribute.NewSet(m.group))
	registration, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		now := time.Now()
		for i, p := range a {
			offsets, oldest := p.lag(now)
			o.ObserveInt64(m.lag, offsets, attributes[i])
			o.ObserveFloat64(m.oldest, oldest.Seconds(), attributes[i])
		}
		o.ObserveInt64(m.memory, int64(b.inUse()), held)
		return nil
	}, m.lag, m.oldest, m.memory)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
