package consumer_test

import (
	"context"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

// Partitions move between members as these come and go; every record is handled,
// and what was committed before is not handled again.
func TestMembersShareAndTakeOver(t *testing.T) {
	cluster := startCluster(t, 4, posts)
	want := produce(cluster, posts, 4, 50)
	first := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 50, 1: 50, 2: 50, 3: 50})

	second := start(t, cluster, testConfig(), &sink{}, posts)
	assert.Equal(t, []int{2, 2}, cluster.AwaitStable(group, 2))
	maps.Copy(want, produce(cluster, posts, 4, 50))
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 100, 1: 100, 2: 100, 3: 100})
	assert.Len(t, second.all(), 100)

	first.stop()
	assert.Equal(t, []int{4}, cluster.AwaitStable(group, 1))
	maps.Copy(want, produce(cluster, posts, 4, 50))
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 150, 1: 150, 2: 150, 3: 150})
	assert.Equal(t, want, counts(first.sink, second.sink), "none lost, none handled twice")
}

// A refused commit means that the generation is over: what was handled is
// forgotten, read again from the committed offset, and committed then.
func TestRefusedCommitStartsOver(t *testing.T) {
	for name, code := range map[string]int16{
		"illegal generation": 22, "unknown member": 25, "rebalance in progress": 27, "fenced instance": 82,
	} {
		t.Run(name, func(t *testing.T) {
			cluster := startCluster(t, 1, posts)
			want := produce(cluster, posts, 1, 10)
			hits := cluster.Fail(kafkatest.Fault{Request: kafkatest.OffsetCommit, Code: code})
			m := start(t, cluster, testConfig(), &sink{}, posts)
			cluster.AwaitCommitted(group, posts, map[int]int64{0: 10})
			assert.Equal(t, 1, hits.Count())
			for value, n := range counts(m.sink) {
				assert.Contains(t, want, value)
				assert.Equal(t, 2, n, "handled again, since the first commit failed")
			}
			assert.Equal(t, 1, m.sum(t, "cdc_offset_commits_failed"))
		})
	}
}

// A commit without an answer makes the member leave and join anew, whether the
// request has had its effect or not. Nothing is lost either way.
func TestUnansweredCommitJoinsAnew(t *testing.T) {
	t.Run("not carried out", func(t *testing.T) {
		cluster := startCluster(t, 1, posts)
		want := produce(cluster, posts, 1, 10)
		cluster.Drop(kafkatest.OffsetCommit, 1)
		leaves := cluster.Watch(kafkatest.LeaveGroup)
		m := start(t, cluster, testConfig(), &sink{}, posts)
		cluster.AwaitCommitted(group, posts, map[int]int64{0: 10})
		assert.Positive(t, leaves.Count())
		assert.Len(t, counts(m.sink), len(want))
		assert.Len(t, m.all(), 2*len(want))
	})
	t.Run("carried out", func(t *testing.T) {
		cluster := startCluster(t, 1, posts)
		want := produce(cluster, posts, 1, 10)
		landed := cluster.DropLate(kafkatest.OffsetCommit)
		leaves := cluster.Watch(kafkatest.LeaveGroup)
		m := start(t, cluster, testConfig(), &sink{}, posts)
		require.NoError(t, <-landed)
		await(t, "the member leaves", func() bool { return leaves.Count() > 0 })
		maps.Copy(want, produce(cluster, posts, 1, 5))
		cluster.AwaitCommitted(group, posts, map[int]int64{0: 15})
		assert.Equal(t, want, counts(m.sink), "the commit counts, so nothing is handled again")
	})
}

// A member that cannot leave, because the coordinator is away just then, is taken
// out as soon as it is back: nobody waits for a session to end.
func TestAbsentMemberIsTakenOut(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	want := produce(cluster, posts, 1, 10)
	cluster.Drop(kafkatest.OffsetCommit, 1)
	lost := cluster.Drop(kafkatest.LeaveGroup, 3)
	cfg := testConfig()
	cfg.SessionTimeout, cfg.RebalanceTimeout = time.Minute, time.Minute
	began := time.Now()
	m := start(t, cluster, cfg, &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 10})
	assert.Less(t, time.Since(began), cfg.SessionTimeout/4)
	assert.Equal(t, 3, lost.Count())
	assert.Len(t, counts(m.sink), len(want))
}

// Another refusal may pass: the same commit is sent again, in the same
// generation, and the records are not handled again.
func TestPassingCommitErrorIsRepeated(t *testing.T) {
	const coordinatorLoading = 14
	cluster := startCluster(t, 2, posts)
	want := produce(cluster, posts, 2, 10)
	hits := cluster.Fail(kafkatest.Fault{
		Request: kafkatest.OffsetCommit, Topic: posts, Partitions: []int{1}, Code: coordinatorLoading, Times: 3,
	})
	joins := cluster.Watch(kafkatest.JoinGroup)
	m := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 10, 1: 10})
	assert.Equal(t, 3, hits.Count())
	assert.Equal(t, want, counts(m.sink))
	assert.LessOrEqual(t, joins.Count(), 2, "one membership: a first join is answered with the member's id")
	await(t, "the part is healthy", func() bool { return len(m.health.degraded()) == 0 })
}

// A member told to stop finishes the batch in hand, commits it and leaves, while
// a handler that does not end is cut off at the deadline without a commit.
func TestDrain(t *testing.T) {
	t.Run("finishes", func(t *testing.T) {
		cluster := startCluster(t, 1, posts)
		produce(cluster, posts, 1, 10)
		release := make(chan struct{})
		m := start(t, cluster, testConfig(), &sink{before: func(context.Context, []consumer.Record) error {
			<-release
			return nil
		}}, posts)
		await(t, "a batch is in hand", func() bool { return m.attempts() == 1 })
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			m.stop()
		}()
		assert.Equal(t, 1, cluster.Members(group), "the member stays while it drains")
		close(release)
		<-stopped
		assert.Equal(t, map[int]int64{0: 10}, cluster.Committed(group, posts))
		assert.Equal(t, 0, cluster.Members(group))
	})
	t.Run("gives up", func(t *testing.T) {
		cluster := startCluster(t, 1, posts)
		produce(cluster, posts, 1, 10)
		cfg := testConfig()
		cfg.DrainTimeout = 100 * time.Millisecond
		m := start(t, cluster, cfg, &sink{before: func(ctx context.Context, _ []consumer.Record) error {
			<-ctx.Done()
			return ctx.Err()
		}}, posts)
		await(t, "a batch is in hand", func() bool { return m.attempts() == 1 })
		m.stop()
		assert.Empty(t, cluster.Committed(group, posts))
		assert.Empty(t, m.all())
		assert.Equal(t, 0, cluster.Members(group))
	})
}

// A member told to stop while it joins does not wait for the others to join.
func TestStopWhileJoining(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	held, release := cluster.Hold(kafkatest.JoinGroup)
	cfg := testConfig()
	cfg.RebalanceTimeout = time.Minute
	m := start(t, cluster, cfg, &sink{}, posts)
	<-held
	stopping := time.Now()
	m.stop()
	assert.Less(t, time.Since(stopping), 20*time.Second)
	release()
}

// One that joined before, and is told to stop while it joins again, leaves the
// group: the others need not wait for it.
func TestStopWhileRejoining(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	cfg := testConfig()
	cfg.SessionTimeout, cfg.RebalanceTimeout = time.Minute, time.Minute
	m := start(t, cluster, cfg, &sink{}, posts)
	require.Equal(t, []int{1}, cluster.AwaitStable(group, 1))
	const rebalanceInProgress = 27
	held, release := cluster.Hold(kafkatest.JoinGroup)
	cluster.Fail(kafkatest.Fault{Request: kafkatest.Heartbeat, Code: rebalanceInProgress})
	<-held
	m.stop()
	assert.Zero(t, cluster.Members(group))
	release()
}

// However members come and go, every record is handled and no committed offset
// goes back.
func TestChurn(t *testing.T) {
	const partitions, rounds, each = 6, 5, 20
	cluster := startCluster(t, partitions, posts)
	want, sinks, members := map[string]int{}, []*sink{}, []*member{}
	before := map[int]int64{}
	live := 0
	for round := range rounds {
		maps.Copy(want, produce(cluster, posts, partitions, each))
		s := &sink{}
		sinks, members = append(sinks, s), append(members, start(t, cluster, testConfig(), s, posts))
		live++
		if round%2 == 1 {
			cluster.AwaitStable(group, live) // the fake keeps one that ends in its first join for ever
			live--
			members[round/2].stop()
		}
		for partition, offset := range cluster.Committed(group, posts) {
			assert.GreaterOrEqual(t, offset, before[partition])
			before[partition] = offset
		}
	}
	ends := map[int]int64{}
	for partition := range partitions {
		ends[partition] = rounds * each
	}
	cluster.AwaitCommitted(group, posts, ends)
	handled := counts(sinks...)
	for value := range want {
		assert.Positive(t, handled[value], value)
	}
	assert.Len(t, handled, len(want))
}

// A member whose session ended while it handled a batch does not commit it: the
// partitions belong to another, whose commits stand.
func TestZombieDoesNotCommit(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	want := produce(cluster, posts, 1, 10)
	var held atomic.Bool
	release := make(chan struct{})
	zombie := start(t, cluster, testConfig(), &sink{before: func(context.Context, []consumer.Record) error {
		if held.CompareAndSwap(false, true) {
			<-release
		}
		return nil
	}}, posts)
	await(t, "a batch is in hand", held.Load)
	evict(t, cluster)
	heir := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 10})
	assert.Equal(t, want, counts(heir.sink))
	produce(cluster, posts, 1, 5)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 15})

	close(release)
	await(t, "the late commit is refused", func() bool { return zombie.sum(t, "cdc_offset_commits_failed") == 1 })
	assert.Equal(t, map[int]int64{0: 15}, cluster.Committed(group, posts))
	assert.Zero(t, zombie.sum(t, "cdc_offset_commits_total"))
}

// evict removes the group's only member, as the end of its session does.
func evict(t *testing.T, cluster *kafkatest.Cluster) {
	t.Helper()
	info := cluster.Fake().GroupInfo(group)
	require.NotNil(t, info)
	require.Len(t, info.Members, 1)
	require.NoError(t, cluster.Evict(group, info.Members[0].MemberID))
}

// A broker's restart and a moved leader hold consumption up and lose nothing.
func TestBrokerRestartAndLeaderMove(t *testing.T) {
	cluster := startCluster(t, 2, posts)
	want := produce(cluster, posts, 2, 20)
	m := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 20, 1: 20})

	cluster.Restart()
	maps.Copy(want, produce(cluster, posts, 2, 20))
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 40, 1: 40})

	cluster.MoveLeader(posts, 0)
	maps.Copy(want, produce(cluster, posts, 2, 20))
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 60, 1: 60})
	assert.Equal(t, want, counts(m.sink))
	await(t, "all is healthy", func() bool { return len(m.health.degraded()) == 0 })
}

// A topic that does not exist yet is waited for, and added partitions are taken
// up while running.
func TestTopicsMayComeAndGrow(t *testing.T) {
	cluster := startCluster(t, 1, likes)
	m := start(t, cluster, testConfig(), &sink{}, posts)
	await(t, "health says what is missing", func() bool { return m.health.degraded()[group+" topics"] != "" })
	cluster.CreateTopic(kafkatest.Topic{Name: posts, Partitions: 1})
	want := produce(cluster, posts, 1, 5)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 5})

	cluster.AddPartitions(posts, 3)
	maps.Copy(want, produce(cluster, posts, 3, 5))
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 10, 1: 5, 2: 5})
	assert.Equal(t, want, counts(m.sink))
}
