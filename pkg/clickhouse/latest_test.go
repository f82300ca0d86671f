package clickhouse_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// TestInsertSelect holds that derived rows are stored at each call, in a table that
// would drop a block it has seen too, and that the statement has a time limit of its
// own, here a longer one than others.
func TestInsertSelect(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.useTimeout(time.Second)
	s.server.Exec("CREATE TABLE derived (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100")
	derive := clickhouse.Derive{
		Table: "derived", From: []string{"post_events"}, Columns: "(n)",
		Select:     "SELECT {n:UInt64} + sleepEachRow(1.5)",
		Parameters: clickhouse.Parameters{"n": "7"}, Timeout: 10 * time.Second,
	}
	for range 2 {
		require.NoError(t, s.InsertSelect(t.Context(), derive))
	}
	assert.Equal(t, "2\t14", s.server.Query("SELECT count(), sum(n) FROM derived"))
	derive.Timeout = time.Second
	require.Error(t, s.InsertSelect(t.Context(), derive))
}

// TestQueryLatest holds that a question is answered through the breaker, with its
// parameters.
func TestQueryLatest(t *testing.T) {
	calls := 0
	s := newStore(t, chtest.Start(t), func(d *clickhouse.WriterDeps) { d.Breaker = counting{&calls} })
	var answer uint64
	read := func(rows *block.Reader) error { return rows.Scan(0, &answer) }
	require.NoError(t, s.QueryLatest(t.Context(), []string{"likes"}, "SELECT {n:UInt64}", clickhouse.Parameters{"n": "7"}, read))
	assert.Equal(t, uint64(7), answer)
	assert.Equal(t, 1, calls)
}

// counting is a breaker that counts the calls it makes.
type counting struct{ calls *int }

func (c counting) Do(ctx context.Context, call func(context.Context) error) error {
	*c.calls++
	return call(ctx)
}
