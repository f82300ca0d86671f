package clickhouse

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	insertDuration metric.Float64Histogram
	insertRows     metric.Int64Histogram
	insertBytes    metric.Int64Histogram
	queryDuration  metric.Float64Histogram
	errors         metric.Int64Counter
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	seconds := metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60)
	powersOfTen := metric.WithExplicitBucketBoundaries(1, 10, 100, 1e3, 1e4, 2.5e4, 5e4, 1e5, 2.5e5, 1e6)
	bytes := metric.WithExplicitBucketBoundaries(1e3, 1e4, 1e5, 1e6, 4e6, 1.6e7, 6.4e7, 2.56e8)
	var m metrics
	var problems [5]error
	m.insertDuration, problems[0] = meter.Float64Histogram("clickhouse_batch_insert_duration_seconds", seconds, metric.WithUnit("s"),
		metric.WithDescription("Time of one INSERT of one block, by table and outcome (ok or the error's class)."))
	m.insertRows, problems[1] = meter.Int64Histogram("clickhouse_insert_rows", powersOfTen, metric.WithUnit("{row}"),
		metric.WithDescription("Rows in one stored block, by table. Small blocks in quick succession wear the server out."))
	m.insertBytes, problems[2] = meter.Int64Histogram("clickhouse_insert_bytes", bytes, metric.WithUnit("By"),
		metric.WithDescription("Uncompressed size of one stored block, by table."))
	m.queryDuration, problems[3] = meter.Float64Histogram("clickhouse_query_duration_seconds", seconds, metric.WithUnit("s"),
		metric.WithDescription("Time of one statement or query with the reading of its result, by outcome (ok or the error's class)."))
	m.errors, problems[4] = meter.Int64Counter("clickhouse_errors_total", metric.WithUnit("{error}"),
		metric.WithDescription("Failed inserts, statements and queries, by class and by the name of the server's code."))
	return &m, errors.Join(problems[:]...)
}

// insertOutcome is what one INSERT came to.
type insertOutcome struct {
	table    string
	rows     int
	bytes    int
	duration time.Duration
	failure  *Error
}

func (m *metrics) inserted(ctx context.Context, o insertOutcome) {
	table := attribute.String("table", o.table)
	m.insertDuration.Record(ctx, o.duration.Seconds(), metric.WithAttributes(table, outcome(o.failure)))
	if o.failure != nil {
		m.failed(ctx, o.failure)
		return
	}
	m.insertRows.Record(ctx, int64(o.rows), metric.WithAttributes(table))
	m.insertBytes.Record(ctx, int64(o.bytes), metric.WithAttributes(table))
}

func (m *metrics) queried(ctx context.Context, duration time.Duration, failure *Error) {
	m.queryDuration.Record(ctx, duration.Seconds(), metric.WithAttributes(outcome(failure)))
	if failure != nil {
		m.failed(ctx, failure)
	}
}

func (m *metrics) failed(ctx context.Context, failure *Error) {
	m.errors.Add(ctx, 1, metric.WithAttributes(
		attribute.String("class", string(failure.Class)), attribute.String("code", failure.Name)))
}

func outcome(failure *Error) attribute.KeyValue {
	if failure == nil {
		return attribute.String("outcome", "ok")
	}
	return attribute.String("outcome", string(failure.Class))
}

// writerMetrics is what a Writer measures beside its pool.
type writerMetrics struct {
	checks metric.Int64Counter
}

func newWriterMetrics(meter metric.Meter) (*writerMetrics, error) {
	checks, err := meter.Int64Counter("clickhouse_provenance_checks_total", metric.WithUnit("{check}"),
		metric.WithDescription("Times that a table was asked for a batch's rows because its token may not be enough, by how many it had (all, some, none)."))
	return &writerMetrics{checks: checks}, err
}

func (m *writerMetrics) checked(ctx context.Context, said answer) {
	m.checks.Add(ctx, 1, metric.WithAttributes(attribute.String("outcome", string(said))))
}
