package consumer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

func value(s string) kafkatest.Record { return kafkatest.Record{Topic: posts, Value: []byte(s)} }

// Records of aborted transactions are no records, and control records move the
// committed offset without being handled.
func TestAbortedTransactionsAreLeftOut(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	cluster.Produce(value("plain"))
	cluster.ProduceTransaction(false, value("aborted"), value("aborted"))
	cluster.ProduceTransaction(true, value("committed"))
	cluster.ProduceTransaction(false, value("aborted"))
	m := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 8})
	assert.Equal(t, map[string]int{"plain": 1, "committed": 1}, counts(m.sink))
	assert.Equal(t, 3, m.sum(t, "consumer_aborted_records_total"))
}

// What compaction leaves is read past: batches that are empty, that end after
// their last record or begin before the position, and gaps between batches.
func TestCompactedLog(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	record := func(offset int64, s string) kafkatest.Record {
		return kafkatest.Record{Offset: offset, Value: []byte(s), Time: at}
	}
	cluster := startCluster(t, 1, posts)
	cluster.Serve(posts, 0, kafkatest.Log{Stable: 40, End: 40, Batches: []kafkatest.Batch{
		{First: 0, Last: 9, ProducerID: 7},
		{First: 10, Last: 19, Records: []kafkatest.Record{record(12, "a"), record(15, "b")}},
		{First: 25, Last: 29, Records: []kafkatest.Record{record(29, "c")}},
		{First: 30, Last: 39, ProducerID: 7},
	}})
	m := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 40})
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, counts(m.sink))
	m.stop()

	second := start(t, cluster, testConfig(), &sink{}, posts)
	await(t, "no lag is left", func() bool { return second.sum(t, "consumer_lag") == 0 })
	assert.Empty(t, second.all())
}

// A damaged batch pauses its partition and is shown; what precedes it is handled
// and committed, nothing behind it is reached, and other partitions go on.
func TestDamagedBatchPauses(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	cluster := startCluster(t, 2, posts)
	good := kafkatest.Batch{First: 0, Last: 0, Records: []kafkatest.Record{{Offset: 0, Value: []byte("good"), Time: at}}}
	bad := kafkatest.Batch{
		First: 1, Last: 1, Records: []kafkatest.Record{{Offset: 1, Value: []byte("bad"), Time: at}},
		Damage: func(b []byte) { b[len(b)-1] ^= 1 },
	}
	behind := kafkatest.Batch{First: 2, Last: 2, Records: []kafkatest.Record{{Offset: 2, Value: []byte("behind"), Time: at}}}
	cluster.Serve(posts, 0, kafkatest.Log{Stable: 3, End: 3, Batches: []kafkatest.Batch{good, bad, behind}})
	cluster.Produce(kafkatest.Record{Topic: posts, Partition: 1, Value: []byte("other")})
	m := start(t, cluster, testConfig(), &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 1, 1: 1})
	await(t, "the damage is shown", func() bool { return m.health.degraded()[group+" cdc.posts/0"] != "" })
	assert.Contains(t, m.health.degraded()[group+" cdc.posts/0"], "checksum")
	assert.Equal(t, map[string]int{"good": 1, "other": 1}, counts(m.sink))
	assert.Equal(t, 2, m.sum(t, "consumer_lag"))
}

// Records that retention took before they were read are counted and shown, and
// consumption halts; told to skip, it goes on with the first record there is.
func TestTruncatedLog(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	produce(cluster, posts, 1, 5)
	start(t, cluster, testConfig(), &sink{}, posts).awaitAndStop(t, cluster, 5)
	produce(cluster, posts, 1, 5)
	cluster.Truncate(posts, 0, 8)

	halted := start(t, cluster, testConfig(), &sink{}, posts)
	await(t, "the loss is shown", func() bool { return halted.health.degraded()[group+" cdc.posts/0"] != "" })
	assert.Contains(t, halted.health.degraded()[group+" cdc.posts/0"], "5 is outside of 8 to 10; set ON_DATA_LOSS=skip")
	assert.Equal(t, 3, halted.sum(t, "consumer_lost_offsets_total"))
	assert.Empty(t, halted.all())
	halted.stop()
	assert.Equal(t, map[int]int64{0: 5}, cluster.Committed(group, posts))

	cfg := testConfig()
	cfg.OnDataLoss = consumer.Skip
	skipping := start(t, cluster, cfg, &sink{}, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 10})
	assert.Equal(t, map[string]int{"cdc.posts/0/8": 1, "cdc.posts/0/9": 1}, counts(skipping.sink))
	assert.Equal(t, 3, skipping.sum(t, "consumer_lost_offsets_total"))
}

// A log shorter than what was committed, as a topic created anew has, is shown
// and not read from some other place.
func TestShorterLogHalts(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	produce(cluster, posts, 1, 5)
	start(t, cluster, testConfig(), &sink{}, posts).awaitAndStop(t, cluster, 5)
	cluster.Serve(posts, 0, kafkatest.Log{Stable: 2, End: 2})
	cluster.Truncate(posts, 0, 5)
	m := start(t, cluster, testConfig(), &sink{}, posts)
	await(t, "the refusal is shown", func() bool { return m.health.degraded()[group+" cdc.posts/0"] != "" })
	assert.Empty(t, m.all())
	assert.Equal(t, map[int]int64{0: 5}, cluster.Committed(group, posts))
}

// awaitAndStop stops the member once the only partition is committed up to end.
func (m *member) awaitAndStop(t *testing.T, cluster *kafkatest.Cluster, end int64) {
	t.Helper()
	cluster.AwaitCommitted(group, posts, map[int]int64{0: end})
	m.stop()
}
