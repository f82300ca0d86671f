package board

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
)

// Rows are those that ClickHouse holds now; a table that is not there yet, and a
// server that is away, show as unknown.
func TestTablesOfClickHouse(t *testing.T) {
	server := chtest.Start(t)
	server.Exec("CREATE TABLE posts (id UInt64) ENGINE = MergeTree ORDER BY id")
	server.Exec("INSERT INTO posts SELECT number FROM numbers(100)")
	pool, err := clickhouse.Open(clickhouse.Config{
		Addr: []string{server.Addr}, Database: "nova", Username: "default", Compression: clickhouse.NoCompression,
		DialTimeout: time.Second, Timeout: 5 * time.Second, MaxConns: 1,
	}, clickhouse.Deps{Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	require.NoError(t, err)
	defer pool.Close()
	start := time.Now()
	c := &collector{sources: Sources{ClickHouse: pool}, client: &http.Client{}, started: start}

	first := c.view(t.Context(), start)
	assert.Equal(t, Table{Name: "posts", Rows: 100, PerSecond: -1}, first.Tables[1])
	assert.Equal(t, Table{Name: "users", Rows: -1, PerSecond: -1}, first.Tables[0])

	server.Exec("INSERT INTO posts SELECT number FROM numbers(20)")
	second := c.view(t.Context(), start.Add(5*time.Second))
	assert.Equal(t, Table{Name: "posts", Rows: 120, PerSecond: 4}, second.Tables[1])

	server.Kill()
	asked := time.Now()
	third := c.view(t.Context(), start.Add(6*time.Second))
	assert.Equal(t, Table{Name: "posts", Rows: -1, PerSecond: -1}, third.Tables[1])
	assert.Less(t, time.Since(asked), 3*time.Second)
}
