package store_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/services/jobs/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// health keeps what it is told.
type health struct {
	mu       sync.Mutex
	degraded map[string]string
}

func (h *health) Degraded(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.degraded[part] = reason
}

func (h *health) Healthy(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.degraded, part)
}

func (h *health) of(part string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.degraded[part]
}

type fixture struct {
	*store.Store
	server *chtest.Server
	pool   *clickhouse.Pool
	health *health
}

func newFixture(t *testing.T, change ...func(*breaker.Config)) fixture {
	t.Helper()
	cfg := breaker.Config{Failures: 3, Successes: 1, Delay: 500 * time.Millisecond}
	for _, c := range change {
		c(&cfg)
	}
	f := fixture{server: chtest.Start(t), health: &health{degraded: map[string]string{}}}
	log := slog.New(slog.DiscardHandler)
	var err error
	f.pool, err = clickhouse.Open(clickhouse.Config{
		Addr: []string{f.server.Addr}, Database: "nova", Username: "default", Compression: clickhouse.LZ4,
		DialTimeout: time.Second, Timeout: time.Minute, MaxConns: 4,
	}, clickhouse.Deps{Log: log, Meter: noop.Meter{}})
	require.NoError(t, err)
	t.Cleanup(f.pool.Close)
	f.Store, err = store.New(
		store.Config{
			Breaker: cfg, MaxMemoryBytes: 64 << 20, SchemaVersion: 3,
		},
		store.Deps{Pool: f.pool, Log: log, Meter: noop.Meter{}, Health: f.health})
	require.NoError(t, err)
	return f
}

// ask runs a query for its error.
func (f fixture) ask(ctx context.Context, limit time.Duration, sql string) error {
	return f.Query(ctx, limit, sql, nil, func(*block.Reader) error { return nil })
}

// run runs the Store until the test ends.
func (f fixture) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
	})
}

func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 20*time.Millisecond, what)
}

// A query gives its rows, and one that takes too long or too much is ended by the
// server, whatever the server's own limits are.
func TestLimits(t *testing.T) {
	f := newFixture(t)
	var sum uint64
	require.NoError(t, f.Query(t.Context(), time.Minute, "SELECT sum(number) FROM numbers({n:UInt64})", clickhouse.Parameters{"n": "10"},
		func(r *block.Reader) error { return r.Scan(0, &sum) }))
	assert.EqualValues(t, 45, sum)

	err := f.ask(t.Context(), time.Minute, "SELECT groupArray(number) FROM numbers(100000000) FORMAT Null")
	assert.ErrorContains(t, err, "MEMORY_LIMIT_EXCEEDED")
	started := time.Now()
	require.Error(t, f.ask(t.Context(), time.Second, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sleepEachRow(0.001))"))
	assert.Less(t, time.Since(started), 10*time.Second)
}

// What speaks against a query says nothing of the server, and neither does a
// caller that gives up or does not like the rows.
func TestQueriesDoNotOpenTheBreaker(t *testing.T) {
	f := newFixture(t)
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	mine := errors.New("mine")
	for range 5 {
		require.Error(t, f.ask(t.Context(), time.Minute, "SELECT nonsense"))
		require.Error(t, f.ask(given, time.Minute, "SELECT 1"))
		require.ErrorIs(t, f.Query(t.Context(), time.Minute, "SELECT 1", nil, func(*block.Reader) error { return mine }), mine)
	}
	assert.True(t, f.IsUp())
}

// That ClickHouse is away is known without anybody asking, and then nobody waits
// for it; that it is back is known too.
func TestProbe(t *testing.T) {
	f := newFixture(t)
	f.run(t)
	f.server.Kill()
	eventually(t, func() bool { return !f.IsUp() }, "the breaker opens")
	assert.Contains(t, f.health.of("clickhouse"), "breaker is open")
	started := time.Now()
	refused := 0
	for range 20 {
		if errors.Is(f.ask(t.Context(), time.Minute, "SELECT 1"), breaker.ErrOpen) {
			refused++
		}
	}
	assert.Positive(t, refused)
	assert.Less(t, time.Since(started), 5*time.Second)
	f.server.Restart()
	eventually(t, f.IsUp, "the breaker closes")
	assert.Empty(t, f.health.of("clickhouse"))
	assert.NoError(t, f.ask(t.Context(), time.Minute, "SELECT 1"))
}

// patientRetries are enough for a restart of ClickHouse.
func patientRetries(cfg *breaker.Config) {
	cfg.Failures, cfg.Retries, cfg.Backoff, cfg.MaxBackoff = 1000, 1000, 10*time.Millisecond, 100*time.Millisecond
}

// A query survives a ClickHouse that is away for less than the query's time.
func TestQueryIsRetried(t *testing.T) {
	f := newFixture(t, patientRetries)
	f.server.Kill()
	answered := make(chan error, 1)
	rows := 0
	go func() {
		answered <- f.Query(t.Context(), 20*time.Second, "SELECT 1", nil, func(r *block.Reader) error {
			for range r.Rows() {
				rows++
			}
			return nil
		})
	}()
	f.server.Restart()
	require.NoError(t, <-answered)
	assert.Equal(t, 1, rows)

	f.server.Kill()
	started := time.Now()
	require.Error(t, f.ask(t.Context(), time.Second, "SELECT 1"))
	assert.Less(t, time.Since(started), 5*time.Second, "retries end with the query's time")
}

// A result that breaks off is not started again: its reader would get rows twice.
func TestBrokenResultIsNotRetried(t *testing.T) {
	f := newFixture(t, patientRetries)
	blocks := 0
	err := f.Query(t.Context(), time.Minute, "SELECT number FROM numbers(1000000000)", nil,
		func(*block.Reader) error {
			blocks++
			if blocks == 2 {
				f.server.Kill() // a stop would wait for the answer to be read
				f.server.Restart()
			}
			return nil
		})
	require.Error(t, err)
	assert.GreaterOrEqual(t, blocks, 2)
	assert.Less(t, blocks, 10_000, "not to the end")
	require.NoError(t, f.ask(t.Context(), time.Minute, "SELECT 1"))
}

// Queries that fail in a row open the breaker although pings succeed between them,
// and then a ping closes it.
func TestPingsDoNotHideFailures(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		require.True(t, f.IsUp())
		f.Ping(t.Context())
		require.Error(t, f.ask(t.Context(), 100*time.Millisecond, "SELECT sleep(3)"))
	}
	assert.False(t, f.IsUp())
	eventually(t, func() bool { f.Ping(t.Context()); return f.IsUp() }, "the breaker closes")
}

// Jobs are let go once the tables are there, not before.
func TestReady(t *testing.T) {
	f := newFixture(t)
	f.run(t)
	eventually(t, func() bool { return f.health.of("clickhouse schema") != "" }, "it says what it waits for")
	select {
	case <-f.Ready():
		require.Fail(t, "ready without the tables")
	default:
	}
	_, err := schema.New(schema.Config{PostEventsTTLDays: 400}, f.pool, slog.New(slog.DiscardHandler)).Apply(t.Context())
	require.NoError(t, err)
	<-f.Ready()
	eventually(t, func() bool { return f.health.of("clickhouse schema") == "" }, "it says that it is over")
}
