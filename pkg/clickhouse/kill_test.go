package clickhouse_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
)

// strace is the command line of a tracer that kills its program in the nth rename
// of a thread: those of one INSERT are of the table's part and of each view's.
func strace(t *testing.T, nth int) chtest.Option {
	t.Helper()
	_, err := exec.LookPath("strace")
	require.NoError(t, err, "`make deps` installs strace")
	return chtest.WithWrapper("strace", "-f", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "signal=none", "-e", "trace=rename",
		"-e", fmt.Sprintf("inject=rename:signal=KILL:when=%d", nth))
}

// killAt begins a batch of ten likes, whose server is killed in its nth rename.
func (s *store) killAt(nth int, flags chtest.Option) *clickhouse.Storing {
	s.t.Helper()
	s.server.Restart(flags, strace(s.t, nth))
	storing := s.Begin(named(fmt.Sprintf("batch %d", nth), likes(100*nth, 10, 1)), time.Now(), eventKey())
	require.Error(s.t, storing.Try(s.t.Context()))
	<-s.server.Exited()
	s.server.Restart(flags)
	return storing
}

// TestServerKilledInTheMiddleOfAnInsert holds that a batch is stored exactly once
// when its server dies before the table has it, between table and view, or between
// one view and the other.
func TestServerKilledInTheMiddleOfAnInsert(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	states := map[string]bool{}
	for nth := 1; nth <= 3; nth++ {
		storing := s.killAt(nth, chtest.WithFlags("--repair=true"))
		before := 10 * (nth - 1)
		states[s.server.Query(fmt.Sprintf("SELECT count() - %[1]d, (SELECT sum(likes) - %[1]d FROM post_engagement_hourly), (SELECT sum(likes) - %[1]d FROM post_engagement_minutely) FROM post_events", before))] = true
		require.NoError(t, storing.Try(t.Context()))
		s.requireStored(before+10, before+10, before+10)
	}
	assert.Len(t, states, 3, "the kills were at different moments: %v", states)
	assert.Equal(t, map[string]int64{"all": 3}, s.checks())
}

// TestLostPartIsStoredAgain holds that a server which knows the token of a part that it
// has lost, as a plain table can after a kill, gets the rows all the same, once it
// is sure that no attempt is about to add them; and that it is logged that views
// may have too much.
func TestLostPartIsStoredAgain(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.useTimeout(time.Second)
	storing := s.killAt(1, chtest.WithFlags("--repair=false"))
	s.requireStored(0, 0, 0)
	require.NoError(t, s.pool.Insert(t.Context(), named("batch 1", likes(100, 10, 1))), "the token alone")
	s.requireStored(0, 10, 10)
	started := time.Now()
	require.NoError(t, storing.Try(t.Context()))
	assert.GreaterOrEqual(t, time.Since(started), time.Second)
	s.requireStored(10, 20, 20)
	assert.Contains(t, s.log.String(), "may now hold them twice")
	assert.Equal(t, map[string]int64{"none": 2}, s.checks())
}

// TestLostPartIsStoredAgainOnce holds the same when the answer to that last INSERT,
// which has no token, is lost: its rows are looked for before they are sent again.
func TestLostPartIsStoredAgainOnce(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.useTimeout(time.Second)
	storing := s.killAt(1, chtest.WithFlags("--repair=false"))
	s.server.Fault(
		chtest.Fault{Action: "delay", DelayMS: 1, Table: "post_events"}, // that under the token
		chtest.Fault{Action: "cut", When: "after", Table: "post_events"},
	)
	require.Error(t, storing.Try(t.Context()))
	require.Empty(t, s.server.PendingFaults())
	require.NoError(t, storing.Try(t.Context()))
	assert.Equal(t, "10", s.server.Query("SELECT count() FROM post_events"))
	assert.Equal(t, map[string]int64{"none": 2, "all": 1}, s.checks())
}
