package consumer_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

// Every record is stored once, each batch under a name of its own that lies on
// Kafka before the first attempt; in the end no plan is left.
func TestPlannedBatches(t *testing.T) {
	cluster := startCluster(t, 3, events)
	want := produce(cluster, events, 3, 50)
	s := newStore()
	cfg := testConfig()
	cfg.BatchRows = 20
	startPlanned(t, cluster, cfg, s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 50, 1: 50, 2: 50})
	for p, metadata := range cluster.Metadata(group, events) {
		assert.Empty(t, metadata, p)
	}
	assert.Equal(t, want, s.stored())
	texts := map[string]bool{}
	for _, plan := range s.attempted() {
		assert.False(t, plan.IsReplay)
		assert.WithinDuration(t, time.Now(), plan.At, time.Minute)
		texts[plan.Text] = true
	}
	assert.Len(t, texts, len(s.attempted()))
}

// A partition without a commit is in its first batch alone; later ones share.
func TestFirstBatchAlone(t *testing.T) {
	cluster := startCluster(t, 3, events)
	produce(cluster, events, 3, 5)
	s := newStore()
	startPlanned(t, cluster, testConfig(), s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 5, 1: 5, 2: 5})
	for _, plan := range s.attempted() {
		assert.NotContains(t, plan.Text, ",")
	}
	release := s.hold()
	for range 4 { // while the first of them is held, the others gather
		produce(cluster, events, 3, 1)
	}
	release()
	cluster.AwaitCommitted(group, events, map[int]int64{0: 9, 1: 9, 2: 9})
	assert.True(t, slices.ContainsFunc(s.attempted(), func(p consumer.Plan) bool { return strings.Contains(p.Text, ",") }))
}

// A member that dies between plan and insert leaves the plan: its successors store
// the same batch under the same name, and each finishes its own partitions.
func TestFoundPlanIsReplayed(t *testing.T) {
	cluster := startCluster(t, 2, events)
	want := produce(cluster, events, 2, 5)
	s := newStore()
	cfg := testConfig()
	cfg.BatchAge = 300 * time.Millisecond
	first := startPlanned(t, cluster, cfg, s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 5, 1: 5})
	release := s.hold()
	maps.Copy(want, produce(cluster, events, 2, 7))
	await(t, "planned", func() bool { return strings.Contains(cluster.Metadata(group, events)[0], "0:5-11,1:5-11") })
	first.stop() // its drain runs out of time
	assert.Contains(t, cluster.Metadata(group, events)[1], "0:5-11,1:5-11", "the plan stays")
	assert.Equal(t, map[int]int64{0: 5, 1: 5}, cluster.Committed(group, events))
	release()

	second, third := startPlanned(t, cluster, testConfig(), s), startPlanned(t, cluster, testConfig(), s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 12, 1: 12})
	assert.Equal(t, want, s.stored())
	assert.GreaterOrEqual(t, second.sum(t, "consumer_plan_replays_total")+third.sum(t, "consumer_plan_replays_total"), 1)
	last := s.attempted()[len(s.attempted())-1]
	assert.True(t, last.IsReplay)
	assert.Contains(t, last.Text, "events|0:5-11,1:5-11|t=")
}

// An attempt whose answer is lost is repeated under the same name.
func TestLostAnswerOfAnInsert(t *testing.T) {
	cluster := startCluster(t, 1, events)
	want := produce(cluster, events, 1, 5)
	s := newStore()
	s.fault = func(n int) error {
		if n < 3 {
			return errAway
		}
		return nil
	}
	m := startPlanned(t, cluster, testConfig(), s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 5})
	assert.Equal(t, want, s.stored())
	plans := s.attempted()
	require.Len(t, plans, 3)
	assert.Equal(t, plans[0], plans[2])
	assert.Equal(t, 1, m.sum(t, "consumer_pauses_total"))
	assert.Empty(t, m.health.degraded())
}

// A commit without an answer makes a new member, whether the request has had its
// effect or not: no record is doubled or lost.
func TestUnansweredPlan(t *testing.T) {
	for name, fault := range map[string]func(c *kafkatest.Cluster){
		"lost":      func(c *kafkatest.Cluster) { c.Drop(kafkatest.OffsetCommit, 1) },
		"effective": func(c *kafkatest.Cluster) { c.DropLate(kafkatest.OffsetCommit) },
	} {
		t.Run(name, func(t *testing.T) {
			cluster := startCluster(t, 2, events)
			want := produce(cluster, events, 2, 5)
			s := newStore()
			startPlanned(t, cluster, testConfig(), s)
			cluster.AwaitCommitted(group, events, map[int]int64{0: 5, 1: 5})
			fault(cluster)
			maps.Copy(want, produce(cluster, events, 2, 5))
			cluster.AwaitCommitted(group, events, map[int]int64{0: 10, 1: 10})
			assert.Equal(t, want, s.stored())
		})
	}
}

// Records that can never be stored are in letters before the insert without them,
// those that do not decode as well as those that the table refuses; the plan stays
// the same.
func TestLettersComeFirst(t *testing.T) {
	cluster := startCluster(t, 1, events)
	want := produce(cluster, events, 1, 5)
	s := newStore()
	s.bad["events/0/1"], s.poison["events/0/3"] = true, true
	startPlanned(t, cluster, testConfig(), s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 5})
	delete(want, "events/0/1")
	delete(want, "events/0/3")
	assert.Equal(t, want, s.stored())
	assert.Equal(t, []string{"letter events/0/1", "letter events/0/3", "insert"}, s.journal)
	plans := s.attempted()
	require.Len(t, plans, 2)
	assert.Equal(t, plans[0], plans[1])
}

// What contradicts a plan halts the lane, which says so and how to get out of it,
// and moves nothing.
func TestHalts(t *testing.T) {
	for name, c := range map[string]struct {
		metadata string
		spoil    func(cluster *kafkatest.Cluster)
		says     []string
	}{
		"offset inside of the plan": {"v1;1;events|0:2-9|t=1", func(*kafkatest.Cluster) {}, []string{"plan_mismatch", "--topic events:0 --reset-offsets --to-current"}},
		"another topic's records":   {"v1;1;events|0:3-9|t=1", func(*kafkatest.Cluster) {}, []string{"plan_mismatch", "not of the time planned", "--to-earliest"}},
		"records gone":              {"v1;1;events|0:3-9|t=1", func(c *kafkatest.Cluster) { c.Truncate(events, 0, 5) }, []string{"plan_unreadable", "the log has 5 to 10", "ON_DATA_LOSS=skip"}},
		"not ours":                  {"hello", func(*kafkatest.Cluster) {}, []string{"plan_mismatch", "hello"}},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := startCluster(t, 1, events)
			produce(cluster, events, 1, 10)
			cluster.Commit(group, events, map[int]int64{0: 3}, c.metadata)
			c.spoil(cluster)
			s := newStore()
			m := startPlanned(t, cluster, testConfig(), s)
			for _, text := range c.says {
				await(t, text, func() bool { return strings.Contains(fmt.Sprint(m.health.degraded()), text) })
			}
			assert.Empty(t, s.attempted())
			assert.Equal(t, map[int]int64{0: 3}, cluster.Committed(group, events))
			assert.Equal(t, c.metadata, cluster.Metadata(group, events)[0])
		})
	}
}

// With ON_DATA_LOSS=skip what is left of a plan is stored under its name.
func TestSkippedLossOfAPlan(t *testing.T) {
	cluster := startCluster(t, 1, events)
	produce(cluster, events, 1, 10)
	cluster.Commit(group, events, map[int]int64{0: 3}, "v1;1;events|0:3-9|t=1")
	cluster.Truncate(events, 0, 8)
	s, cfg := newStore(), testConfig()
	cfg.OnDataLoss = consumer.Skip
	m := startPlanned(t, cluster, cfg, s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 10})
	assert.Equal(t, map[string]int{"events/0/8": 1, "events/0/9": 1}, s.stored())
	assert.Equal(t, "events|0:3-9|t=1", s.attempted()[0].Text)
	assert.Equal(t, 5, m.sum(t, "consumer_lost_offsets_total"))
}

// A partition without a commit whose rows are stored is not read from the start by
// accident: it is refused until an operator says where to begin.
func TestStoredPartitionWithoutACommit(t *testing.T) {
	cluster := startCluster(t, 1, events)
	produce(cluster, events, 1, 5)
	s, cfg := newStore(), testConfig()
	s.held, cfg.StartOffsets = true, consumer.Auto
	m := startPlanned(t, cluster, cfg, s)
	await(t, "refused", func() bool { return strings.Contains(fmt.Sprint(m.health.degraded()), "START_OFFSETS=earliest") })
	assert.Empty(t, s.attempted())
	m.stop()
	cfg.StartOffsets = consumer.Earliest
	startPlanned(t, cluster, cfg, s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 5})
}

// Members that come and go in the middle of everything, and inserts whose answers
// are lost, change nothing: each record is stored once.
func TestPlannedBatchesOverRebalances(t *testing.T) {
	cluster := startCluster(t, 4, events)
	want := map[string]int{}
	s := newStore()
	s.fault = func(n int) error {
		if n%3 == 0 {
			return errAway // stored, and nobody knows
		}
		return nil
	}
	startPlanned(t, cluster, testConfig(), s)
	for range 3 {
		other := startPlanned(t, cluster, testConfig(), s)
		cluster.AwaitStable(group, 2)
		for range 5 {
			maps.Copy(want, produce(cluster, events, 4, 5))
		}
		other.stop()
	}
	cluster.AwaitCommitted(group, events, cluster.Ends(events))
	assert.Equal(t, want, s.stored())
}

// A Sink without plans stores under no name and commits after.
func TestUnplannedSink(t *testing.T) {
	cluster := startCluster(t, 2, events)
	want := produce(cluster, events, 2, 5)
	s := newStore()
	s.bad["events/0/1"], s.poison["events/1/3"] = true, true
	cfg := testConfig()
	cfg.BatchRows = 10 // one batch: without a name, a second would be taken for the first
	startWith(t, cluster, cfg, func(d *consumer.Deps) { d.Topics, d.Sink = []string{events}, s })
	cluster.AwaitCommitted(group, events, map[int]int64{0: 5, 1: 5})
	for _, plan := range s.attempted() {
		assert.Equal(t, consumer.Plan{}, plan)
	}
	assert.Len(t, want, 10)
	assert.Len(t, s.stored(), 8)
	assert.Empty(t, cluster.Metadata(group, events)[0])
}

// A commit that a broker has taken in part is recognised by whoever finds it: the
// plan is not carried out, and the way out that is shown loses and doubles nothing.
func TestTornCommitIsFound(t *testing.T) {
	cluster := startCluster(t, 2, events)
	want := produce(cluster, events, 2, 10)
	var times [10]int64
	for _, r := range cluster.Records(events) {
		if r.Partition == 0 {
			times[r.Offset] = r.Time.UnixMilli()
		}
	}
	stored := fmt.Sprintf("events|0:0-4,1:0-4|t=%d", times[0])
	cluster.Commit(group, events, map[int]int64{0: 5}, fmt.Sprintf("v1;1;events|0:5-9,1:5-9|t=%d", times[5])) // taken
	cluster.Commit(group, events, map[int]int64{1: 0}, "v1;1;"+stored)                                        // refused
	s := newStore()
	s.tokens[stored] = 1
	for p := range 2 {
		for offset := range 5 {
			s.rows[fmt.Sprintf("events/%d/%d", p, offset)] = 1
		}
	}
	m := startPlanned(t, cluster, testConfig(), s)
	await(t, "halted", func() bool { return strings.Contains(fmt.Sprint(m.health.degraded()), "commit_torn") })
	assert.Contains(t, fmt.Sprint(m.health.degraded()), "--topic events:0 --reset-offsets --to-current")
	m.stop()
	cluster.Commit(group, events, map[int]int64{0: 5}, "") // that command
	startPlanned(t, cluster, testConfig(), s)
	cluster.AwaitCommitted(group, events, map[int]int64{0: 10, 1: 10})
	assert.Equal(t, want, s.stored())
}

// A log that is shorter than what was read of it is not read again from its start,
// whatever ON_DATA_LOSS says: it would be stored twice.
func TestShorterLogIsNotReadAgain(t *testing.T) {
	cluster := startCluster(t, 1, events)
	produce(cluster, events, 1, 10)
	cluster.Commit(group, events, map[int]int64{0: 12}, "")
	s, cfg := newStore(), testConfig()
	cfg.OnDataLoss = consumer.Skip
	m := startPlanned(t, cluster, cfg, s)
	await(t, "shown", func() bool { return strings.Contains(fmt.Sprint(m.health.degraded()), "--to-latest") })
	assert.Empty(t, s.attempted())
	assert.Equal(t, map[int]int64{0: 12}, cluster.Committed(group, events))
}
