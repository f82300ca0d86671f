package offsets_test

import (
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/pkg/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	topic = "cdc.posts"
	name  = "group"
)

func open(t *testing.T, brokers []string) *broker.Cluster {
	t.Helper()
	cluster, err := broker.Open(broker.Config{Brokers: brokers, ClientID: "test", DialTimeout: kafkatest.Patience, Timeout: kafkatest.Patience, SASL: broker.SASL{Mechanism: broker.None}})
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

// record is one of a minute after minute 0 of the year.
func record(partition, minute int) kafkatest.Record {
	return kafkatest.Record{Topic: topic, Partition: partition, Value: []byte("{}"), Time: start().Add(time.Duration(minute) * time.Minute)}
}

func start() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// A group's place is that of its commits, or of the first record where it has none;
// a time leads to the first record that is not older.
func TestPositions(t *testing.T) {
	kafka := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 3})
	group := offsets.New(open(t, kafka.Brokers), name)
	kafka.Produce(record(0, 1), record(0, 2), record(0, 3), record(1, 2), record(1, 9))
	kafka.Truncate(topic, 0, 1)
	found, err := group.Positions(t.Context(), topic)
	require.NoError(t, err)
	assert.Equal(t, []int64{2, 2, 0}, []int64{found[0].Lag(), found[1].Lag(), found[2].Lag()}, "without any commit")
	kafka.Commit(name, topic, map[int]int64{1: 1}, "")

	found, err = group.Positions(t.Context(), topic)
	require.NoError(t, err)
	assert.Equal(t, []offsets.Position{{Partition: 0, First: 1, End: 3, Committed: -1}, {Partition: 1, End: 2, Committed: 1}, {Partition: 2, Committed: -1}}, found)
	assert.Equal(t, []int64{2, 1, 0}, []int64{found[0].Lag(), found[1].Lag(), found[2].Lag()})

	at, err := group.At(t.Context(), topic, start().Add(150*time.Second))
	require.NoError(t, err)
	assert.Equal(t, map[int]int64{0: 2, 1: 1}, at)

	_, err = group.Positions(t.Context(), "nothing")
	require.ErrorIs(t, err, offsets.ErrNoTopic)
}

// Offsets are set while the group is empty, and only then.
func TestSet(t *testing.T) {
	kafka := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 2})
	group := offsets.New(open(t, kafka.Brokers), name)
	members, err := group.Members(t.Context())
	require.NoError(t, err)
	assert.Zero(t, members)
	require.NoError(t, group.Set(t.Context(), topic, map[int]int64{0: 7, 1: 0}))
	assert.Equal(t, map[int]int64{0: 7, 1: 0}, kafka.Committed(name, topic))

	member, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{ID: name, Brokers: kafka.Brokers, Topics: []string{topic}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, member.Close()) })
	_, err = member.Next(t.Context())
	require.NoError(t, err)
	members, err = group.Members(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, members)
	require.ErrorIs(t, group.Set(t.Context(), topic, map[int]int64{0: 0}), offsets.ErrMembers)
	assert.Equal(t, map[int]int64{0: 7, 1: 0}, kafka.Committed(name, topic))
}

// The newest record of all partitions counts; a topic without one has none, which is
// not the same as a topic that is not there.
func TestNewest(t *testing.T) {
	kafka := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 3})
	cluster := open(t, kafka.Brokers)
	newest := func(of string) time.Time {
		found, err := offsets.Newest(t.Context(), cluster, of)
		require.NoError(t, err)
		return found
	}
	assert.Zero(t, newest(topic))
	_, err := offsets.Newest(t.Context(), cluster, "nothing")
	require.ErrorIs(t, err, offsets.ErrNoTopic)
	kafka.Produce(record(0, 5), record(1, 7), record(1, 6))
	assert.Equal(t, start().Add(6*time.Minute), newest(topic).UTC(), "the last of its partition")
	kafka.ProduceTransaction(true, record(2, 8))
	assert.Equal(t, start().Add(8*time.Minute), newest(topic).UTC(), "behind it lies the transaction's marker")
}
