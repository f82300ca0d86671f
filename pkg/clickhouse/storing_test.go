package clickhouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/failpoint"
)

// TestTokenIsStoredOnce holds that a block sent again under its token, by the same
// Storing or by another member's, is once in the table and in both views, over
// several months, and that a Storing which has succeeded sends nothing more.
func TestTokenIsStoredOnce(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	rows := likes(0, 30, 3)
	first := s.Begin(named("a", rows), time.Now(), eventKey())
	require.NoError(t, first.Try(t.Context()))
	require.NoError(t, first.Try(t.Context()))
	require.NoError(t, s.Begin(named("a", rows), time.Now(), eventKey()).Try(t.Context()))
	require.NoError(t, s.pool.Insert(t.Context(), named("a", rows)))
	s.requireStored(30, 30, 30)

	require.NoError(t, s.Begin(named("b", likes(100, 10, 1)), time.Now(), eventKey()).Try(t.Context()))
	s.requireStored(40, 40, 40)
	require.NoError(t, s.Begin(named("c", likes(0, 0, 1)), time.Now(), eventKey()).Try(t.Context()))
	s.requireStored(40, 40, 40)
}

// TestWithoutTokenEachBlockIsStored holds that a block without a token is stored
// whatever the server's profile says of de-duplication, once by each Storing.
func TestWithoutTokenEachBlockIsStored(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	for range 2 {
		storing := s.Begin(named("", likes(0, 5, 1)), time.Time{}, nil)
		require.NoError(t, storing.Try(t.Context()))
		require.NoError(t, storing.Try(t.Context()))
	}
	s.requireStored(10, 10, 10)
	assert.Empty(t, s.checks())
}

// TestViewDedupCanBeSwitchedOff holds that the fault tests' flag takes away what
// keeps the views exact, and nothing else.
func TestViewDedupCanBeSwitchedOff(t *testing.T) {
	s := newStore(t, chtest.Start(t), func(deps *clickhouse.WriterDeps) {
		deps.Failpoints = failpoint.New(failpoint.Config{Enabled: true, Without: []string{string(failpoint.ViewDedup)}}, deps.Log)
	})
	rows := likes(0, 30, 3)
	for range 2 {
		require.NoError(t, s.Begin(named("a", rows), time.Now(), eventKey()).Try(t.Context()))
	}
	s.requireStored(30, 60, 60)
}

// TestFaultsBetweenSendingAndAnswer holds that a block is stored exactly once
// whatever happens to one attempt.
func TestFaultsBetweenSendingAndAnswer(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	first := 0
	for name, fault := range map[string]chtest.Fault{
		"refused":                   {Action: "exception", Code: 252},
		"stored and refused":        {Action: "exception", Code: 319, When: "after"},
		"cut in the block":          {Action: "cut"},
		"stored and cut":            {Action: "cut", When: "after"},
		"server gone in the block":  {Action: "exit"},
		"stored and server gone":    {Action: "exit", When: "after"},
		"stored and memory is gone": {Action: "exception", Code: 241, When: "after"},
	} {
		t.Run(name, func(t *testing.T) {
			storing := s.Begin(named(name, likes(first, 10, 2)), time.Now(), eventKey())
			first += 10
			s.server.Fault(fault)
			err := storing.Try(t.Context())
			require.Error(t, err)
			assert.True(t, clickhouse.IsInfrastructure(err), err)
			if fault.Action == "exit" {
				<-s.server.Exited()
				require.Error(t, storing.Try(t.Context()))
				s.server.Restart()
			}
			require.NoError(t, storing.Try(t.Context()))
			s.requireStored(first, first, first)
		})
	}
	assert.Equal(t, map[string]int64{"all": 7}, s.checks(), "the server is young, so each is looked for")
}

// TestOnlyARestartIsChecked holds that the table is not asked after failures of a
// server that has been up since before the plan.
func TestOnlyARestartIsChecked(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.TrustClocks()
	<-time.After(2 * clickhouse.PrecisionOfUptime)
	storing := s.Begin(named("a", likes(0, 10, 1)), time.Now(), eventKey())
	s.server.Fault(chtest.Fault{Action: "cut", When: "after"})
	require.Error(t, storing.Try(t.Context()))
	require.NoError(t, storing.Try(t.Context()))
	s.requireStored(10, 10, 10)
	assert.Empty(t, s.checks())

	storing = s.Begin(named("b", likes(10, 10, 1)), time.Now(), eventKey())
	s.server.Fault(chtest.Fault{Action: "exit", When: "after"})
	require.Error(t, storing.Try(t.Context()))
	<-s.server.Exited()
	s.server.Restart()
	require.NoError(t, storing.Try(t.Context()))
	s.requireStored(20, 20, 20)
	assert.Equal(t, map[string]int64{"all": 1}, s.checks())
}

// TestViewThatFailsForAWhile holds that a batch which a view refuses after the
// table has taken it is completed when the view works again.
func TestViewThatFailsForAWhile(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.server.Exec("CREATE TABLE grumpy (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100000")
	s.server.Exec("CREATE MATERIALIZED VIEW grumpy_mv TO grumpy AS SELECT throwIf(dwell_ms = 7) AS n FROM post_events")
	storing := s.Begin(named("a", likes(0, 10, 1)), time.Now(), eventKey())
	for range 2 {
		err := storing.Try(t.Context())
		require.Error(t, err)
		assert.Equal(t, clickhouse.Schema, clickhouse.ClassOf(err))
		assert.False(t, clickhouse.IsInfrastructure(err))
	}
	refused, err := s.Refused(t.Context(), named("a", likes(0, 10, 1)))
	require.NoError(t, err)
	assert.Empty(t, refused, "it is not the data")
	s.server.Exec("DROP TABLE grumpy_mv SYNC")
	require.NoError(t, storing.Try(t.Context()))
	s.requireStored(10, 10, 10)
}

// TestStoringDoesNotAllocatePerRow holds that the memory of columns and connections
// is used again: a batch costs the same few allocations whatever its size.
func TestStoringDoesNotAllocatePerRow(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	const rows, runs, limit = 20_000, 5, 1000
	block := likes(0, rows, 1)
	store := func() { require.NoError(t, s.Begin(named("a", block), time.Now(), eventKey()).Try(t.Context())) }
	s.TrustClocks()
	<-time.After(2 * clickhouse.PrecisionOfUptime)
	store()
	assert.Less(t, testing.AllocsPerRun(runs, store), float64(limit))
	assert.Empty(t, s.checks())
}
