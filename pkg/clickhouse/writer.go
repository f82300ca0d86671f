package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/failpoint"
)

// WriterConfig is what an operator sets of a Writer. Its prefix is PLAN.
type WriterConfig struct {
	MaxAge time.Duration `split_words:"true" default:"30m" desc:"Age of a batch from which ClickHouse is no longer trusted to remember its token: the table is then asked which of its rows it has."`
}

// Validate implements config.Validator.
func (c WriterConfig) Validate() error {
	if c.MaxAge <= 0 {
		return errors.New("MAX_AGE must be positive")
	}
	return nil
}

// Breaker makes a call, or refuses to.
type Breaker interface {
	// Do returns the call's error as it is, or one of its own if it did not make it.
	Do(ctx context.Context, call func(ctx context.Context) error) error
}

// WriterDeps is what a Writer is given by its owner. All but Breaker and
// Failpoints is required.
type WriterDeps struct {
	Pool *Pool
	// Breaker is asked before each attempt; nil lets all through.
	Breaker    Breaker
	Failpoints *failpoint.Set
	Log        *slog.Logger
	Meter      metric.Meter
}

// Writer stores blocks under tokens, each once.
type Writer struct {
	cfg     WriterConfig
	deps    WriterDeps
	pool    *Pool
	metrics *writerMetrics
	// tolerance is how far the clocks of two members may differ: a plan may be that
	// much older than it seems.
	tolerance time.Duration
}

const clockTolerance = 10 * time.Second

// NewWriter returns a writer that stores over a pool. Its errors are those of cfg
// and of the meter.
func NewWriter(cfg WriterConfig, deps WriterDeps) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the writer's configuration: %w", err)
	}
	metrics, err := newWriterMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating the writer's metrics: %w", err)
	}
	return &Writer{cfg: cfg, deps: deps, pool: deps.Pool, metrics: metrics, tolerance: clockTolerance}, nil
}

// Holds says whether a table with the columns topic and partition has rows of a
// topic's partition, on a replica that is up to date.
func (w *Writer) Holds(ctx context.Context, table, topic string, partition int) (bool, error) {
	var isHeld bool
	sql := "SELECT 1 FROM " + w.pool.tableName(table) + " WHERE topic = {topic:String} AND partition = {partition:UInt64} LIMIT 1"
	err := w.call(ctx, "looking for a partition's rows in "+table, func(s *session) error {
		if err := s.catchUp(ctx, table); err != nil {
			return err
		}
		values := Parameters{"topic": topic, "partition": strconv.Itoa(partition)}
		return s.query(ctx, sql, values, func(reader *block.Reader) error {
			isHeld = reader.Rows() > 0
			return nil
		})
	})
	return isHeld, err
}

// call lends use a session, through the breaker. An error is an *Error, that of
// the breaker, or one with which use has ended a query.
func (w *Writer) call(ctx context.Context, operation string, use func(*session) error) error {
	once := func(ctx context.Context) error { return w.lend(ctx, operation, use) }
	if w.deps.Breaker == nil {
		return once(ctx)
	}
	return w.deps.Breaker.Do(ctx, once)
}

// lend is call without the breaker.
func (w *Writer) lend(ctx context.Context, operation string, use func(*session) error) error {
	hasBegun := false
	err := w.pool.session(ctx, func(s *session) error {
		hasBegun = true
		return use(s)
	})
	if err == nil || hasBegun {
		return err
	}
	failure := classify(operation, err)
	w.pool.metrics.failed(ctx, failure)
	return failure
}
