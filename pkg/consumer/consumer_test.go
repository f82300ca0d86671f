package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

func startCluster(t *testing.T, partitions int, topics ...string) *kafkatest.Cluster {
	t.Helper()
	var declared []kafkatest.Topic
	for _, topic := range topics {
		declared = append(declared, kafkatest.Topic{Name: topic, Partitions: partitions})
	}
	return kafkatest.Start(t, declared...)
}

// Every record of every partition of every topic is handled once, in order of
// its partition, and its offset is committed after it.
func TestAllRecordsAreHandledAndCommitted(t *testing.T) {
	cluster := startCluster(t, 3, posts, likes)
	want := produce(cluster, posts, 3, 200)
	maps.Copy(want, produce(cluster, likes, 3, 200))
	m := start(t, cluster, testConfig(), &sink{}, posts, likes)

	for _, topic := range []string{posts, likes} {
		cluster.AwaitCommitted(group, topic, map[int]int64{0: 200, 1: 200, 2: 200})
	}
	assert.Equal(t, want, counts(m.sink))
	next := map[string]int64{}
	for _, r := range m.all() {
		lane := fmt.Sprintf("%s/%d", r.Topic, r.Partition)
		require.Equal(t, next[lane], r.Offset, lane)
		next[lane]++
	}
	assert.Equal(t, 1200, m.sum(t, "consumer_records_total"))
	assert.Positive(t, m.sum(t, "cdc_offset_commits_total"))
	await(t, "no lag is left", func() bool { return m.sum(t, "consumer_lag") == 0 })
	assert.Empty(t, m.health.degraded())
}

// A record's key, value, headers and time arrive as they were sent, and a
// tombstone is not an empty value.
func TestRecordArrivesAsSent(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	at := time.UnixMilli(1_700_000_000_123)
	cluster.Produce(
		kafkatest.Record{Topic: posts, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []kafkatest.Header{
			{Key: "traceparent", Value: []byte("00")}, {Key: "traceparent", Value: nil}, {Key: "", Value: []byte{}},
		}},
		kafkatest.Record{Topic: posts, Key: []byte{}, Value: nil, Time: at},
		kafkatest.Record{Topic: posts, Key: nil, Value: []byte{}, Time: at},
	)
	m := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 3})
	assert.Equal(t, []consumer.Record{
		{Topic: posts, Offset: 0, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []consumer.Header{
			{Key: "traceparent", Value: []byte("00")}, {Key: "traceparent", Value: nil}, {Key: "", Value: []byte{}},
		}},
		{Topic: posts, Offset: 1, Key: []byte{}, Value: nil, Time: at},
		{Topic: posts, Offset: 2, Key: nil, Value: []byte{}, Time: at},
	}, m.all())
}

// A group takes up at its committed offsets, whoever committed them.
func TestStartsAtCommittedOffset(t *testing.T) {
	cluster := startCluster(t, 2, posts)
	produce(cluster, posts, 2, 5)
	first := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 5, 1: 5})
	first.stop()
	assert.Equal(t, 0, cluster.Members(group), "a member that stops leaves at once")

	want := produce(cluster, posts, 2, 3)
	second := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 8, 1: 8})
	assert.Equal(t, want, counts(second.sink))
}

// START_OFFSETS=latest begins where the log ends, and that place is kept before
// anything is handled: what comes from then on is read, also if the member that
// chose it never got that far.
func TestLatestIsPinned(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	produce(cluster, posts, 1, 5)
	cfg := testConfig()
	cfg.StartOffsets = consumer.Latest
	first := start(t, cluster, cfg, &sink{before: func(context.Context, []consumer.Record) error { return errors.New("down") }}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 5})
	want := produce(cluster, posts, 1, 2)
	await(t, "it has tried", func() bool { return first.health.degraded()[group+" cdc.posts"] != "" })
	first.stop()
	assert.Empty(t, first.all())

	second := start(t, cluster, cfg, &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 7})
	assert.Equal(t, want, counts(second.sink))
}

// A failing handler gets the same records until it takes them; meanwhile nothing
// is committed, the member stays, and health says why. A panic is a failure.
func TestFailingHandlerPauses(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	want := produce(cluster, posts, 1, 10)
	var fail atomic.Bool
	var attempts atomic.Int64
	fail.Store(true)
	m := start(t, cluster, testConfig(), &sink{before: func(context.Context, []consumer.Record) error {
		if attempts.Add(1) == 1 {
			panic("a bug")
		}
		if fail.Load() {
			return errors.New("the database is down")
		}
		return nil
	}}, posts)

	await(t, "the handler is tried again", func() bool { return m.attempts() >= 3 })
	assert.Contains(t, m.health.degraded()[group+" "+posts], "the database is down")
	assert.Empty(t, cluster.Committed(group, posts))
	assert.Equal(t, 1, cluster.Members(group))
	assert.Equal(t, 1, m.sum(t, "consumer_pauses_total"), "one pause, however often it is tried")
	assert.Equal(t, 10, m.sum(t, "consumer_lag"))
	await(t, "the oldest record ages", func() bool { return m.sum(t, "consumer_oldest_unprocessed_seconds") > 0 })

	fail.Store(false)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 10})
	assert.Equal(t, want, counts(m.sink))
	await(t, "the part is healthy", func() bool { return len(m.health.degraded()) == 0 })
}

// Batches keep to their limits: rows exactly, bytes by one record, age when
// nothing else closes them.
func TestBatchLimits(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*settings)
		most   int
	}{
		"rows":  {func(c *settings) { c.BatchRows = 7 }, 7},
		"bytes": {func(c *settings) { c.BatchBytes = 100 }, 4}, // of 2×13 or 2×14 bytes each
	} {
		t.Run(name, func(t *testing.T) {
			cluster := startCluster(t, 2, posts)
			want := produce(cluster, posts, 2, 50)
			cfg := testConfig()
			test.change(&cfg)
			m := start(t, cluster, cfg, &sink{}, posts)
			cluster.AwaitCommitted(group, posts, map[int]int64{0: 50, 1: 50})
			assert.Equal(t, want, counts(m.sink))
			for _, size := range m.sizes() {
				assert.LessOrEqual(t, size, test.most)
			}
			assert.Contains(t, m.sizes(), test.most, "a batch is filled when there is enough")
		})
	}
}

// While a batch is handled the next ones are fetched, so that a slow handler
// gets large batches instead of many.
func TestBatchGrowsWhileAnotherIsHandled(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	produce(cluster, posts, 1, 1)
	release := make(chan struct{})
	m := start(t, cluster, testConfig(), &sink{before: func(ctx context.Context, _ []consumer.Record) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	}}, posts)
	await(t, "the first batch is in hand", func() bool { return m.attempts() == 1 })
	for range 5 {
		produce(cluster, posts, 1, 10)
	}
	await(t, "all is fetched", func() bool { return m.sum(t, "consumer_lag") == 51 })
	close(release)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 51})
	assert.LessOrEqual(t, len(m.sizes()), 4)
}
