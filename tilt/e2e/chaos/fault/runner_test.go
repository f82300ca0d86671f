package fault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/fault"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every fault that the servers and the network can have is undone in the end: all of
// them answer, nothing is refused, and the same can be done again.
func TestUndone(t *testing.T) {
	c := clustertest.Start(t, clustertest.Options{Kafka: clustertest.Fake})
	client := kafkaio.New(c.Kafka.Brokers())
	defer client.Close()
	runner := fault.New(c, t.Logf)
	for range 2 {
		for _, kind := range schedule.Kinds() {
			f := schedule.Fault{Kind: kind, At: time.Millisecond, For: 20 * time.Millisecond, N: 1, Bytes: 1, Code: 252, Table: "post_events"}
			switch kind {
			case schedule.Kill, schedule.Point, schedule.Zombie, schedule.Join:
				continue // no service runs
			case schedule.Constraint, schedule.View:
				f.At = 0
			default:
			}
			require.NoError(t, runner.Prepare(t.Context(), schedule.Round{Faults: []schedule.Fault{f}}), kind)
			require.NoError(t, runner.Run(t.Context(), time.Now()), kind)
			require.NoError(t, runner.Heal(t.Context()), kind)
			require.NoError(t, runner.Finish(t.Context()), kind)
			assert.Equal(t, "PONG", c.Redis.Do("PING"))
			require.NoError(t, client.AwaitBrokers(t.Context()))
			for _, device := range []string{"forbidden", "throws"} {
				c.ClickHouse.Exec("INSERT INTO post_events (event_id, event_time, device) VALUES (generateUUIDv4(), now(), '" + device + "')")
			}
		}
	}
	assert.Empty(t, runner.Problems())
	tallies := runner.Tallies()
	assert.Equal(t, fault.Tally{Drawn: 2, Struck: 2}, *tallies[schedule.ClickHouseKill])
	assert.Equal(t, fault.Tally{Drawn: 2}, *tallies[schedule.ClickHouseExit], "there was no insert meanwhile")
}

// A service is killed at once or at its point, stands still and goes on.
func TestServices(t *testing.T) {
	const service = schedule.EventsIngest
	c := clustertest.Start(t, clustertest.Options{Kafka: clustertest.Fake, Services: map[string]int{service: 2}})
	runner := fault.New(c, t.Logf)
	replica := c.Replicas(service)[1]
	do := func(f schedule.Fault) {
		t.Helper()
		f.Service, f.Replica, f.At = service, 1, time.Millisecond
		require.NoError(t, runner.Prepare(t.Context(), schedule.Round{Faults: []schedule.Fault{f}}))
		require.NoError(t, runner.Run(t.Context(), time.Now()))
		require.NoError(t, runner.Heal(t.Context()))
		require.NoError(t, runner.Finish(t.Context()))
	}
	do(schedule.Fault{Kind: schedule.Zombie, For: 50 * time.Millisecond})
	do(schedule.Fault{Kind: schedule.Join, For: 50 * time.Millisecond})
	do(schedule.Fault{Kind: schedule.Point, Point: "after_insert", N: 1})
	require.Zero(t, replica.Kills(), "it had nothing to insert")
	do(schedule.Fault{Kind: schedule.Kill})
	require.Eventually(t, func() bool { return replica.Kills() == 1 }, 10*time.Second, time.Millisecond)
	require.Len(t, c.Replicas(service), 2)
	assert.Empty(t, runner.Problems())
	assert.Empty(t, c.Problems())
	assert.Equal(t, fault.Tally{Drawn: 1}, *runner.Tallies()[schedule.Point])
}
