package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
)

const (
	pingInterval = 2 * time.Second
	pingLimit    = 2 * time.Second

	// dependency is ClickHouse's name in the breaker's logs, metrics and health,
	// schemaPart that of the wait for its tables.
	dependency = "clickhouse"
	schemaPart = "clickhouse schema"
)

// Config is how queries are limited and when they are refused.
type Config struct {
	Breaker breaker.Config
	// MaxMemoryBytes is what one query may use on the server.
	MaxMemoryBytes int64
	// SchemaVersion is the first that has the tables.
	SchemaVersion int
}

// Deps is what a Store is given by its owner. All of it is required.
type Deps struct {
	Pool   *clickhouse.Pool
	Log    *slog.Logger
	Meter  metric.Meter
	Health breaker.Health
}

// Store is ClickHouse behind its breaker.
type Store struct {
	cfg     Config
	deps    Deps
	breaker *breaker.Breaker
	ready   chan struct{}
}

// New returns a Store that takes ClickHouse to work. Its errors are those of cfg
// and of the meter.
func New(cfg Config, deps Deps) (*Store, error) {
	b, err := breaker.New(cfg.Breaker, breaker.Deps{
		Name: dependency, IsFailure: isFailure, Log: deps.Log, Meter: deps.Meter, Health: deps.Health,
	})
	if err != nil {
		return nil, err
	}
	return &Store{cfg: cfg, deps: deps, breaker: b, ready: make(chan struct{})}, nil
}

// isFailure tells what speaks against the server from what speaks against the
// query, and from a caller that gave up.
func isFailure(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	var failure *clickhouse.Error
	if !errors.As(err, &failure) {
		return false // of the reader of the result
	}
	return failure.Class == clickhouse.Transient || failure.Class == clickhouse.Overload
}

// Database returns the name of the database that holds Nova's tables.
func (s *Store) Database() string { return s.deps.Pool.Database() }

// IsUp says whether ClickHouse is taken to work.
func (s *Store) IsUp() bool { return s.breaker.IsClosed() }

// Ready is closed once ClickHouse has the tables.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Query runs a statement and calls each with every block of its result that has
// rows. It takes limit at most, here and on the server, retries included; once
// each has been called nothing is retried, so that no row comes twice. The error
// is breaker.ErrOpen when the statement was not run, or else wraps one of each or
// a *clickhouse.Error.
func (s *Store) Query(
	ctx context.Context, limit time.Duration, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error,
) error {
	sql = fmt.Sprintf("%s\nSETTINGS max_execution_time = %d, max_memory_usage = %d",
		sql, int64(math.Ceil(limit.Seconds())), s.cfg.MaxMemoryBytes)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.breaker.Retry(ctx, func(ctx context.Context) error {
		hasBegun := false
		err := s.deps.Pool.Query(ctx, sql, parameters, func(r *block.Reader) error {
			hasBegun = true
			return each(r)
		})
		if hasBegun {
			return breaker.Final(err)
		}
		return err
	})
}

// Run pings ClickHouse, and waits for its tables, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	var schemaKnown sync.WaitGroup
	defer schemaKnown.Wait()
	schemaKnown.Go(func() { s.awaitSchema(ctx) })
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		s.ping(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// ping tells the breaker how ClickHouse is; the breaker tells everyone else. While
// it is closed only a ping that fails counts: any other would take back the
// failures of queries. Else the ping is the trial that closes it.
func (s *Store) ping(ctx context.Context) {
	if !s.breaker.IsClosed() {
		_ = s.breaker.Do(ctx, s.pong)
		return
	}
	if err := s.pong(ctx); isFailure(err) {
		_ = s.breaker.Do(ctx, func(context.Context) error { return err })
	}
}

// pong asks for a sign of life.
func (s *Store) pong(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	return s.deps.Pool.Ping(ctx)
}

func (s *Store) awaitSchema(ctx context.Context) {
	s.deps.Health.Degraded(schemaPart, "waiting for the ClickHouse schema: no job runs yet")
	if schema.Wait(ctx, s.deps.Pool, s.cfg.SchemaVersion, s.deps.Log) != nil {
		return // ctx has ended
	}
	s.deps.Health.Healthy(schemaPart)
	close(s.ready)
}
