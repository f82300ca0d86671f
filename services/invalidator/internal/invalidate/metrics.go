package invalidate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Phase is how a page was found.
type Phase int

// The phases, in the order in which they happen.
const (
	// Index: the page was in the index of its user's pages.
	Index Phase = iota
	// Sweep: the page was found by looking at every key.
	Sweep
)

// Metrics are the instruments of the package.
type Metrics struct {
	lag          metric.Float64Histogram
	pages        metric.Int64Counter
	causes       metric.Int64Counter
	ignored      metric.Int64Counter
	undecodable  metric.Int64Counter
	unknownPosts metric.Int64Counter

	of [2]metric.MeasurementOption // by Phase
}

// NewMetrics makes the instruments. Its error is the meter's.
func NewMetrics(meter metric.Meter) (*Metrics, error) {
	var problems []error
	counter := func(name, unit, description string) metric.Int64Counter {
		made, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		problems = append(problems, err)
		return made
	}
	lag, err := meter.Float64Histogram("cache_invalidation_lag_ms", metric.WithUnit("ms"),
		metric.WithDescription("Time from a change, its commit in PostgreSQL or its arrival on Kafka, until the feed pages are gone that it makes stale."),
		metric.WithExplicitBucketBoundaries(5, 10, 25, 50, 100, 150, 250, 500, 1000, 2500, 5000, 10000, 20000, 30000, 60000, 300000))
	problems = append(problems, err)
	m := &Metrics{
		lag:          lag,
		pages:        counter("cache_pages_invalidated_total", "{page}", "Feed pages removed, by how they were found."),
		causes:       counter("invalidator_causes_total", "{record}", "Records that make feed pages stale."),
		ignored:      counter("invalidator_records_ignored_total", "{record}", "Records that make no page stale."),
		undecodable:  counter("invalidator_records_undecodable_total", "{record}", "Records that could not be read, or not wholly, and were passed."),
		unknownPosts: counter("invalidator_unknown_posts_total", "{post}", "Posts that ClickHouse did not know when their author was looked up; the pages of that author's followers stay until they end."),
	}
	for phase, name := range map[Phase]string{Index: "index", Sweep: "sweep"} {
		m.of[phase] = metric.WithAttributeSet(attribute.NewSet(attribute.String("phase", name)))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	return m, nil
}

// Removed counts pages that are gone.
func (m *Metrics) Removed(ctx context.Context, phase Phase, pages int) {
	m.pages.Add(ctx, int64(pages), m.of[phase])
}

// lagged records that a phase is over for changes of those times.
func (m *Metrics) lagged(ctx context.Context, phase Phase, times []time.Time) {
	now := time.Now()
	options := []metric.RecordOption{m.of[phase]} // made once, not per record
	for _, at := range times {
		// Another machine's clock may be ahead of ours.
		m.lag.Record(ctx, max(0, float64(now.Sub(at))/float64(time.Millisecond)), options...)
	}
}

// handled counts what a batch was. It is called once its pages are gone.
func (m *Metrics) handled(ctx context.Context, b *batch) {
	for kind, count := range b.causes {
		m.causes.Add(ctx, count, metric.WithAttributes(attribute.String("kind", string(kind))))
	}
	for kind, count := range b.ignored {
		m.ignored.Add(ctx, count, metric.WithAttributes(attribute.String("kind", string(kind))))
	}
	for reason, count := range b.undecodable {
		m.undecodable.Add(ctx, count, metric.WithAttributes(attribute.String("topic", b.topic), attribute.String("reason", string(reason))))
	}
	m.unknownPosts.Add(ctx, int64(b.unknownPosts))
}
