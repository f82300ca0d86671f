package sink_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/sink"
)

// recent is a plan that the table is trusted to remember.
func recent() consumer.Plan {
	return consumer.Plan{Text: "events|3:10-20|t=7", At: time.Now().Truncate(time.Millisecond)}
}

// openEngine returns a sink over a real table with a counting view.
func openEngine(t *testing.T) (*sink.Sink, *world, *chtest.Server) {
	t.Helper()
	server := chtest.Start(t)
	for _, sql := range []string{
		`CREATE TABLE post_events (id UInt64, value String) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100000`,
		`CREATE TABLE sums (value String, n Int64) ENGINE = SummingMergeTree ORDER BY value SETTINGS non_replicated_deduplication_window = 100000`,
		`CREATE MATERIALIZED VIEW sums_of_events TO sums AS SELECT value, toInt64(count()) AS n FROM post_events GROUP BY value`,
	} {
		server.Exec(sql)
	}
	s, w := connect(t, server)
	return s, w, server
}

// connect returns another sink over the same tables.
func connect(t *testing.T, server *chtest.Server) (*sink.Sink, *world) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	pool, err := clickhouse.Open(clickhouse.Config{
		Addr: []string{server.Addr}, Database: "nova", Compression: "lz4", MaxConns: 2,
		DialTimeout: 10 * time.Second, Timeout: 30 * time.Second,
	}, clickhouse.Deps{Log: log, Meter: noop.Meter{}})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	writer, err := clickhouse.NewWriter(clickhouse.WriterConfig{MaxAge: 30 * time.Minute}, clickhouse.WriterDeps{Pool: pool, Log: log, Meter: noop.Meter{}})
	require.NoError(t, err)
	return open(t, func(d *sink.Deps) { d.Writer = sink.ClickHouse(writer) })
}

func stands(t *testing.T, server *chtest.Server, rows string) {
	t.Helper()
	assert.Equal(t, rows, server.Query(`SELECT arrayStringConcat(arraySort(groupArray(value)), ' ') FROM post_events`), "table")
	assert.Equal(t, rows, server.Query(`SELECT arrayStringConcat(arraySort(arrayFlatten(groupArray(arrayMap(i -> value, range(toUInt64(n)))))), ' ') FROM sums`), "view")
}

// A record that breaks a constraint of the real engine becomes a letter, and the
// rest is once in table and view, though answers get lost and the plan is replayed.
func TestEngineRefusesARecord(t *testing.T) {
	s, w, server := openEngine(t)
	server.Exec(`ALTER TABLE post_events ADD CONSTRAINT no_x CHECK value != 'x'`)
	plan := recent()
	l := prepare(t, s, "a x two b x")
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected)
	assert.Equal(t, 2, l.Rejects())
	require.NoError(t, l.Bury(t.Context()))
	assert.Equal(t, []string{"events/3/11", "events/3/14"}, w.origins())
	assert.Contains(t, w.letters[0].Error, "no_x")
	stands(t, server, "")

	server.Fault(chtest.Fault{Action: "cut", When: "after"})
	require.Error(t, l.Store(t.Context(), plan))
	require.NoError(t, l.Store(t.Context(), plan))
	l.Done(true)
	stands(t, server, "a b two#1 two#2")

	next, again := connect(t, server)
	l = prepare(t, next, "a x two b x")
	require.ErrorIs(t, l.Store(t.Context(), plan), consumer.ErrRejected)
	require.NoError(t, l.Bury(t.Context()))
	require.NoError(t, l.Store(t.Context(), plan))
	assert.Equal(t, w.origins(), again.origins())
	stands(t, server, "a b two#1 two#2")
}

// A view that throws on a row, with an error about data, holds the batch up whole;
// once it is gone everything is once in the table and in the other view.
func TestEngineWithAFailingView(t *testing.T) {
	s, w, server := openEngine(t)
	server.Exec(`CREATE TABLE numbers (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100000`)
	server.Exec(`CREATE MATERIALIZED VIEW numbers_of_events TO numbers AS SELECT toUInt64(value) AS n FROM post_events`)
	plan := recent()
	l := prepare(t, s, "1 a 2")
	for range 2 {
		err := l.Store(t.Context(), plan)
		require.ErrorContains(t, err, "a view of it may fail")
		require.NotErrorIs(t, err, consumer.ErrRejected)
	}
	server.Exec(`DROP VIEW numbers_of_events`)
	require.NoError(t, l.Store(t.Context(), plan))
	stands(t, server, "1 2 a")
	assert.Empty(t, w.letters)
}
