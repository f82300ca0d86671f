package ingest

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics are the instruments of the package.
type metrics struct {
	lag        metric.Float64Histogram
	ignored    metric.Int64Counter
	unknown    metric.Int64Counter
	absent     metric.Int64Counter
	saturated  metric.Int64Counter
	completed  metric.Int64Counter
	superseded metric.Int64Counter
	truncates  metric.Int64Counter

	names columnNames
}

func newMetrics(meter metric.Meter) (*metrics, error) {
	var problems []error
	counter := func(name, unit, description string) metric.Int64Counter {
		made, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		problems = append(problems, err)
		return made
	}
	lag, err := meter.Float64Histogram("cdc_lag_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time from the commit of a change in PostgreSQL until its row is in ClickHouse and its offset committed; snapshots do not count."),
		metric.WithExplicitBucketBoundaries(0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60, 300, 900, 3600))
	problems = append(problems, err)
	return &metrics{
		lag:        lag,
		ignored:    counter("cdc_records_ignored_total", "{record}", "Records that carry no row: tombstones, heartbeats, messages, transaction marks."),
		unknown:    counter("cdc_unknown_columns_total", "{value}", "Values left out because no mapping names their column; grows after a column is added in PostgreSQL."),
		absent:     counter("cdc_absent_columns_total", "{value}", "Values that records lack of columns the mapping names, stored as NULL or the type's default; grows after a column is dropped in PostgreSQL."),
		saturated:  counter("cdc_saturated_values_total", "{value}", "Values cut to the bound of their ClickHouse type, and numbers that are none (NaN), stored as NULL."),
		completed:  counter("cdc_completed_rows_total", "{row}", "Rows that got values of the row before, which their record did not carry."),
		superseded: counter("cdc_superseded_changes_total", "{change}", "Changes left out because their record is not whole and a newer row is stored."),
		truncates:  counter("cdc_truncates_total", "{truncate}", "TRUNCATEs repeated in ClickHouse, several of one batch as one."),
		names:      columnNames{seen: map[string]bool{}},
	}, errors.Join(problems...)
}

const millisPerSecond = 1000

// stored records what one batch did. It is called once its rows are stored.
func (m *metrics) stored(ctx context.Context, b *batch) {
	now := time.Now().UnixMilli()
	of := attribute.String("table", b.table.Target)
	labelled := metric.WithAttributeSet(attribute.NewSet(of))
	options := []metric.RecordOption{labelled} // made once, not per row
	for _, committed := range b.commits {
		m.lag.Record(ctx, float64(now-committed)/millisPerSecond, options...)
	}
	m.completed.Add(ctx, b.rows.Completions(), labelled)
	m.superseded.Add(ctx, b.superseded, labelled)
	if b.rows.Mark() > 0 {
		m.truncates.Add(ctx, 1, labelled)
	}
	for kind, count := range b.ignored {
		m.ignored.Add(ctx, count, metric.WithAttributes(of, attribute.String("kind", kind.String())))
	}
	for name, count := range b.rows.Unknown() {
		m.unknown.Add(ctx, count, metric.WithAttributes(of, attribute.String("column", m.names.label(name))))
	}
	b.rows.EachAbsent(func(name string, count int64) {
		m.absent.Add(ctx, count, metric.WithAttributes(of, attribute.String("column", name)))
	})
	b.rows.EachSaturated(func(name string, count int64) {
		m.saturated.Add(ctx, count, metric.WithAttributes(of, attribute.String("column", name)))
	})
}

// columnNames bounds how many labels records can make: their column names come
// from outside.
type columnNames struct {
	mu   sync.Mutex
	seen map[string]bool
}

const (
	mostColumnNames = 100
	longestName     = 63 // PostgreSQL's limit
	otherColumn     = "(other)"
)

func (c *columnNames) label(name string) string {
	if len(name) > longestName {
		return otherColumn
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen[name] {
		if len(c.seen) == mostColumnNames {
			return otherColumn
		}
		c.seen[name] = true
	}
	return name
}
