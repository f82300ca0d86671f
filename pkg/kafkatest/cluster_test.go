package kafkatest_test

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/kafkatest"
)

const topic = "events"

// What was produced is read back as it was: null and empty kept apart, headers,
// times and offsets in order of partition.
func TestRecordsReturnsWhatWasProduced(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 3})
	at := time.UnixMilli(1_700_000_000_123)
	cluster.Produce(
		kafkatest.Record{Topic: topic, Partition: 2, Key: []byte("k"), Value: []byte{}, Time: at},
		kafkatest.Record{Topic: topic, Partition: 0, Value: []byte("v"), Time: at, Headers: []kafkatest.Header{{Key: "h", Value: []byte("1")}}},
		kafkatest.Record{Topic: topic, Partition: 2, Key: []byte("k"), Time: at},
	)
	assert.Equal(t, []kafkatest.Record{
		{Topic: topic, Partition: 0, Offset: 0, Value: []byte("v"), Time: at, Headers: []kafkatest.Header{{Key: "h", Value: []byte("1")}}},
		{Topic: topic, Partition: 2, Offset: 0, Key: []byte("k"), Value: []byte{}, Time: at},
		{Topic: topic, Partition: 2, Offset: 1, Key: []byte("k"), Time: at},
	}, cluster.Records(topic))
	assert.Equal(t, map[int]int64{0: 1, 1: 0, 2: 2}, cluster.Ends(topic))
}

// An aborted transaction is no record, and the end of a log that holds nothing
// else is still found.
func TestRecordsLeavesAbortedTransactionsOut(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 1})
	cluster.ProduceTransaction(false, kafkatest.Record{Topic: topic, Value: []byte("aborted")})
	assert.Empty(t, cluster.Records(topic))
	cluster.ProduceTransaction(true, kafkatest.Record{Topic: topic, Value: []byte("kept")})
	records := cluster.Records(topic)
	require.Len(t, records, 1)
	assert.Equal(t, "kept", string(records[0].Value))
	assert.Equal(t, map[int]int64{0: 4}, cluster.Ends(topic))
}

// A restart keeps addresses, records and committed offsets.
func TestRestartKeepsData(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 2})
	cluster.Produce(kafkatest.Record{Topic: topic, Partition: 1, Value: []byte("v")})
	commit(t, cluster, 1)
	before := cluster.Records(topic)
	cluster.Restart()
	assert.Equal(t, before, cluster.Records(topic))
	assert.Equal(t, map[int]int64{1: 1}, cluster.Committed("group", topic))
	cluster.Produce(kafkatest.Record{Topic: topic, Partition: 1, Value: []byte("w")})
	assert.Len(t, cluster.Records(topic), 2)
}

// Faults do to requests what their names say.
func TestFaults(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 2})

	hits := cluster.Fail(kafkatest.Fault{Request: kafkatest.OffsetCommit, Code: 22})
	require.ErrorIs(t, tryCommit(t, cluster, 1), kafka.IllegalGeneration)
	assert.Equal(t, 1, hits.Count())
	assert.Empty(t, cluster.Committed("group", topic))

	hits = cluster.Drop(kafkatest.OffsetCommit, 2)
	require.Error(t, tryCommit(t, cluster, 2))
	require.Error(t, tryCommit(t, cluster, 3))
	assert.Equal(t, 2, hits.Count())
	assert.Empty(t, cluster.Committed("group", topic))

	landed := cluster.DropLate(kafkatest.OffsetCommit)
	require.Error(t, tryCommit(t, cluster, 4))
	require.NoError(t, <-landed)
	assert.Equal(t, map[int]int64{1: 4}, cluster.Committed("group", topic))

	held, release := cluster.Hold(kafkatest.OffsetCommit)
	answered := make(chan error, 1)
	go func() { answered <- tryCommit(t, cluster, 5) }()
	<-held
	assert.Equal(t, map[int]int64{1: 4}, cluster.Committed("group", topic))
	release()
	require.NoError(t, <-answered)
	assert.Equal(t, map[int]int64{1: 5}, cluster.Committed("group", topic))
}

// A served log is what fetches see: its batches from the offset on, its ends,
// and an error outside of them.
func TestServe(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 1})
	at := time.UnixMilli(1_700_000_000_000)
	cluster.Serve(topic, 0, kafkatest.Log{Start: 5, Stable: 9, End: 9, Batches: []kafkatest.Batch{
		{First: 5, Last: 7, Records: []kafkatest.Record{{Offset: 6, Value: []byte("six"), Time: at}}},
		{First: 8, Last: 8, Records: []kafkatest.Record{{Offset: 8, Value: []byte("eight"), Time: at}}},
	}})
	values := func(offset int64) []string {
		response := fetch(t, cluster, offset)
		require.NoError(t, response.Error)
		var values []string
		for {
			record, err := response.Records.ReadRecord()
			if err != nil {
				return values
			}
			value, err := kafka.ReadAll(record.Value)
			require.NoError(t, err)
			values = append(values, string(value))
		}
	}
	assert.Equal(t, []string{"six", "eight"}, values(5))
	assert.Equal(t, []string{"eight"}, values(8))
	assert.Empty(t, values(9))
	require.ErrorIs(t, fetch(t, cluster, 4).Error, kafka.OffsetOutOfRange)
}

func client(t *testing.T, cluster *kafkatest.Cluster) *kafka.Client {
	t.Helper()
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(cluster.Brokers...), Transport: transport, Timeout: kafkatest.Patience}
}

func fetch(t *testing.T, cluster *kafkatest.Cluster, offset int64) *kafka.FetchResponse {
	t.Helper()
	response, err := client(t, cluster).Fetch(t.Context(), &kafka.FetchRequest{
		Topic: topic, Offset: offset, MaxBytes: 1 << 20, MinBytes: 1, MaxWait: 100 * time.Millisecond,
	})
	require.NoError(t, err)
	return response
}

func commit(t *testing.T, cluster *kafkatest.Cluster, offset int64) {
	t.Helper()
	require.NoError(t, tryCommit(t, cluster, offset))
}

func tryCommit(t *testing.T, cluster *kafkatest.Cluster, offset int64) error {
	t.Helper()
	response, err := client(t, cluster).OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{
		GroupID: "group", GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 1, Offset: offset}}},
	})
	if err != nil {
		return err
	}
	return response.Topics[topic][0].Error
}
