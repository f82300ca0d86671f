package clickhouse_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// long is an age at which plans are old.
const long = maxAge + time.Hour

// TestOldPlans holds, for each answer of the table, that an old batch is stored
// exactly once while its token is remembered, that only what the table lacks is
// sent, and that an attempt of the owner before has time to end first.
func TestOldPlans(t *testing.T) {
	cases := []struct {
		name   string
		stored []int
		checks map[string]int64
	}{
		{"none", nil, map[string]int64{"none": 1, "all": 1}},
		{"all", everyRow(30, 1), map[string]int64{"all": 1}},
		{"some", everyRow(30, 3), map[string]int64{"some": 1, "all": 1}}, // one month of three, as after a crash between them
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newStore(t, chtest.Start(t))
			require.NoError(t, s.pool.Insert(t.Context(), named("t", likes(0, 30, 3).Select(c.stored))))
			s.useTimeout(time.Second)
			started := time.Now()
			require.NoError(t, s.Begin(named("t", likes(0, 30, 3)), time.Now().Add(-long), eventKey()).Try(t.Context()))
			assert.GreaterOrEqual(t, time.Since(started), time.Second)
			s.requireStored(30, 30, 30)
			assert.Equal(t, c.checks, s.checks())
		})
	}
}

// everyRow is each nth row of rows.
func everyRow(rows, nth int) []int {
	var chosen []int
	for row := 0; row < rows; row += nth {
		chosen = append(chosen, row)
	}
	return chosen
}

// TestWaitingForOldAttemptsEnds holds that the wait before an old plan is over with
// its context, is no failure of the server's, and sends nothing.
func TestWaitingForOldAttemptsEnds(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := s.Begin(named("t", likes(0, 5, 1)), time.Now().Add(-long), eventKey()).Try(ctx)
	require.ErrorIs(t, err, context.Canceled)
	assert.False(t, clickhouse.IsInfrastructure(err))
	s.requireStored(0, 0, 0)
}

// small is a table and a view with windows of their own.
func small(t *testing.T, s *store, window string) {
	t.Helper()
	s.server.Exec("CREATE TABLE small (id UInt64) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = " + window)
	s.server.Exec("CREATE TABLE sums (one UInt8, n UInt64) ENGINE = SummingMergeTree ORDER BY one SETTINGS non_replicated_deduplication_window = " + window)
	s.server.Exec("CREATE MATERIALIZED VIEW sums_mv TO sums AS SELECT 1 AS one, count() AS n FROM small")
}

func numbers(token string, values ...uint64) clickhouse.Insert {
	id := block.UInt64("id")
	for _, value := range values {
		id.Append(value)
	}
	return clickhouse.Insert{Table: "small", Block: block.New(id), Token: token}
}

// TestForgottenTokenDoesNotDouble holds that an old batch whose token the table no
// longer remembers is found by its rows; a young one would be stored again, which
// shows that the token is forgotten.
func TestForgottenTokenDoesNotDouble(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	small(t, s, "1")
	s.useTimeout(time.Second)
	s.TrustClocks()
	<-time.After(2 * clickhouse.PrecisionOfUptime)
	stored := func() string { return s.server.Query("SELECT (SELECT count() FROM small), (SELECT sum(n) FROM sums)") }
	require.NoError(t, s.pool.Insert(t.Context(), numbers("a", 1, 2, 3)))
	require.NoError(t, s.pool.Insert(t.Context(), numbers("b", 4)))
	require.NoError(t, s.Begin(numbers("a", 1, 2, 3), time.Now().Add(-long), []string{"id"}).Try(t.Context()))
	require.Equal(t, "4\t4", stored())
	require.NoError(t, s.Begin(numbers("a", 1, 2, 3), time.Now(), []string{"id"}).Try(t.Context()))
	require.Equal(t, "7\t7", stored())
}

// TestLateAttemptOfAnotherMember holds that an attempt which lands after the batch
// was stored by its next owner changes nothing.
func TestLateAttemptOfAnotherMember(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.server.Fault(chtest.Fault{Action: "delay", DelayMS: 1000})
	var late sync.WaitGroup
	late.Go(func() { assert.NoError(t, s.pool.Insert(t.Context(), named("t", likes(0, 30, 3)))) })
	// The delay is taken by the first INSERT that comes.
	require.Eventually(t, func() bool { return len(s.server.PendingFaults()) == 0 }, patience, time.Millisecond)
	require.NoError(t, s.Begin(named("t", likes(0, 30, 3)), time.Now(), eventKey()).Try(t.Context()))
	late.Wait()
	s.requireStored(30, 30, 30)
}

// TestKeyMustBeInTheBlock holds that a check which cannot be made is an error, not
// an answer.
func TestKeyMustBeInTheBlock(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	small(t, s, "100")
	for _, key := range [][]string{nil, {"id", "other"}} {
		require.ErrorContains(t, s.Begin(numbers("a", 1), time.Now(), key).Try(t.Context()), "key")
	}
}
