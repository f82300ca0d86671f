package kafkatest

import (
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Record is a record as it is on the wire. A nil Key or Value is null there,
// which is not the same as empty.
type Record struct {
	Topic     string
	Partition int
	// Offset is set by Records and ignored by Produce.
	Offset  int64
	Key     []byte
	Value   []byte
	Headers []Header
	// Time has a precision of one millisecond. Produce takes the current time
	// for zero.
	Time time.Time
}

// Header is a record header.
type Header struct {
	Key   string
	Value []byte
}

// Produce appends records, in order, and returns when all are written.
func (c *Cluster) Produce(records ...Record) {
	c.tb.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	require.NoError(c.tb, c.client.ProduceSync(ctx, encode(records)...).FirstErr())
}

// ProduceTransaction appends records in one transaction and commits or aborts
// it. Either leaves a control record behind the last one of each partition.
func (c *Cluster) ProduceTransaction(commit bool, records ...Record) {
	c.tb.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.Brokers...),
		kgo.TransactionalID(c.tb.Name()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	require.NoError(c.tb, err)
	defer client.Close()
	require.NoError(c.tb, client.BeginTransaction())
	require.NoError(c.tb, client.ProduceSync(ctx, encode(records)...).FirstErr())
	require.NoError(c.tb, client.EndTransaction(ctx, kgo.TransactionEndTry(commit)))
}

// Records reads all of a topic that a read-committed consumer may see, by
// partition and offset.
func (c *Cluster) Records(topic string) []Record {
	c.tb.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	left := c.unread(topic)
	starts := map[int32]kgo.Offset{}
	for partition := range left {
		starts[partition] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.Brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.KeepControlRecords(), // or the end of a log that ends in one is never seen
	)
	require.NoError(c.tb, err)
	defer client.Close()

	var records []Record
	for len(left) > 0 {
		records = append(records, c.poll(ctx, client, left)...)
	}
	slices.SortFunc(records, func(a, b Record) int {
		if a.Partition != b.Partition {
			return a.Partition - b.Partition
		}
		return int(a.Offset - b.Offset)
	})
	return records
}

// unread returns, for each partition that holds something, the offset at which
// a read-committed consumer finds its end.
func (c *Cluster) unread(topic string) map[int32]int64 {
	c.tb.Helper()
	partitions := c.Fake().PartitionInfos(topic)
	require.NotEmpty(c.tb, partitions, "topic %s does not exist", topic)
	left := map[int32]int64{}
	for _, partition := range partitions {
		if partition.LastStableOffset > partition.LogStartOffset {
			left[partition.Partition] = partition.LastStableOffset
		}
	}
	return left
}

// poll takes one fetch, and from left the partitions whose end it reached.
func (c *Cluster) poll(ctx context.Context, client *kgo.Client, left map[int32]int64) []Record {
	c.tb.Helper()
	fetches := client.PollFetches(ctx)
	require.NoError(c.tb, fetches.Err())
	var records []Record
	fetches.EachRecord(func(r *kgo.Record) {
		if end, waiting := left[r.Partition]; waiting && r.Offset+1 >= end {
			delete(left, r.Partition)
		}
		if !r.Attrs.IsControl() {
			records = append(records, decode(r))
		}
	})
	return records
}

func encode(records []Record) []*kgo.Record {
	encoded := make([]*kgo.Record, 0, len(records))
	for _, r := range records {
		out := &kgo.Record{Topic: r.Topic, Partition: int32(r.Partition), Key: r.Key, Value: r.Value, Timestamp: r.Time}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		encoded = append(encoded, out)
	}
	return encoded
}

func decode(r *kgo.Record) Record {
	out := Record{
		Topic: r.Topic, Partition: int(r.Partition), Offset: r.Offset,
		Key: r.Key, Value: r.Value, Time: r.Timestamp,
	}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, Header{Key: h.Key, Value: h.Value})
	}
	return out
}
