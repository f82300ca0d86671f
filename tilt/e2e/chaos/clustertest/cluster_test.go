package clustertest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post_events keeps every row it gets: two of one block, those of many blocks, and
// after a restart, so that a doubled row cannot hide.
func TestKeepsEveryRow(t *testing.T) {
	c := clustertest.Start(t, clustertest.Options{Kafka: clustertest.Fake})
	insert := func(blocks int) {
		for i := range blocks {
			row := fmt.Sprintf("('00000000-0000-0000-0000-000000000001', 'post_view', '2026-01-01 00:00:00', %d)", i)
			c.ClickHouse.Exec("INSERT INTO post_events (event_id, event_type, event_time, offset) SETTINGS deduplicate_insert = 'disable' VALUES " + row + ", " + row)
		}
	}
	insert(20)
	c.RestartClickHouse()
	insert(20)
	<-time.After(2 * time.Second) // a table that merges has begun by then
	assert.Equal(t, "80\t40", c.ClickHouse.Query("SELECT count(), uniqExact(_part) FROM post_events"))
}

// A service that is killed comes back on its addresses; a replica can be added and
// removed; none of it counts as a problem, and no process is left over.
func TestServices(t *testing.T) {
	const service = "events-ingest"
	c := clustertest.Start(t, clustertest.Options{Kafka: clustertest.Fake, Services: map[string]int{service: 1}})
	first := c.Replicas(service)[0]
	isReady := func() bool {
		status, _ := first.Call(t.Context(), http.MethodGet, "/readyz", nil)
		return status == http.StatusOK
	}
	first.Process().Kill()
	require.Eventually(t, func() bool { return first.Kills() == 1 && isReady() }, 20*time.Second, 20*time.Millisecond)
	require.NoError(t, first.Arm(t.Context(), "after_insert", 1))
	require.Error(t, first.Arm(t.Context(), "no_such_point", 1))

	second := c.Add(service)
	require.Len(t, c.Replicas(service), 2)
	require.NoError(t, c.Remove(second))
	require.Equal(t, []*clustertest.Instance{first}, c.Replicas(service))
	assert.Empty(t, c.Problems())
	assert.Empty(t, c.Strays())
}

// A process that carries the cluster's mark and should not run is found.
func TestStrays(t *testing.T) {
	c := clustertest.Start(t, clustertest.Options{Kafka: clustertest.Fake})
	dir := t.TempDir()
	stray, err := process.Start(process.Spec{
		Name: "stray", Path: "/bin/sleep", Args: []string{"60"}, Dir: dir, Log: dir + "/log", Env: c.Environment(),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Join(c.Strays(), "") == "/bin/sleep 60" }, 5*time.Second, 10*time.Millisecond)
	stray.Kill()
	assert.Empty(t, c.Strays())
}
