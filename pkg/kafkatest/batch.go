package kafkatest

import (
	"bytes"
	"hash/crc32"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	transactional = 1 << 4
	control       = 1 << 5
	// crcFrom is where the checksummed part of a batch begins, and lengthFrom
	// where the part begins that its length counts.
	crcFrom    = 21
	lengthFrom = 12
)

// Batch is a record batch as it lies in a log. Unlike what a producer sends it
// may be empty or end after its last record, as compaction leaves it, and it may
// hold control records.
type Batch struct {
	First, Last   int64
	Records       []Record
	ProducerID    int64
	Transactional bool
	Control       bool
	// Codec is the compression's number and Compress does it. Zero means none.
	Codec    int16
	Compress func([]byte) []byte
	// Damage changes the encoded batch, its checksum included. Nil leaves it.
	Damage func([]byte)
}

// Encode returns the batch as it is on the wire.
func (b Batch) Encode() []byte {
	batch := kmsg.NewRecordBatch()
	batch.FirstOffset = b.First
	batch.PartitionLeaderEpoch = 0
	batch.Magic = 2
	batch.LastOffsetDelta = int32(b.Last - b.First)
	batch.ProducerID = b.ProducerID
	batch.NumRecords = int32(len(b.Records))
	batch.Attributes = b.Codec
	if b.Transactional {
		batch.Attributes |= transactional
	}
	if b.Control {
		batch.Attributes |= control
	}
	if len(b.Records) > 0 {
		batch.FirstTimestamp = b.Records[0].Time.UnixMilli()
		batch.MaxTimestamp = batch.FirstTimestamp
	}
	for _, r := range b.Records {
		batch.MaxTimestamp = max(batch.MaxTimestamp, r.Time.UnixMilli())
		batch.Records = appendRecord(batch.Records, r, b.First, batch.FirstTimestamp)
	}
	if b.Compress != nil {
		batch.Records = b.Compress(batch.Records)
	}
	encoded := batch.AppendTo(nil)
	batch.Length = int32(len(encoded) - lengthFrom)
	encoded = batch.AppendTo(nil)
	batch.CRC = int32(crc32.Checksum(encoded[crcFrom:], crc32.MakeTable(crc32.Castagnoli)))
	encoded = batch.AppendTo(nil)
	if b.Damage != nil {
		b.Damage(encoded)
	}
	return encoded
}

func appendRecord(dst []byte, r Record, baseOffset, baseTime int64) []byte {
	record := kmsg.NewRecord()
	record.TimestampDelta64 = r.Time.UnixMilli() - baseTime
	record.OffsetDelta = int32(r.Offset - baseOffset)
	record.Key, record.Value = r.Key, r.Value
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
	}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // a zero length takes one byte
	return record.AppendTo(dst)
}

// Log is a partition as fetch requests are to see it.
type Log struct {
	Batches []Batch
	// Aborted holds the transactions to leave out.
	Aborted []Aborted
	// Start, Stable and End are the log's first offset, its last stable one and
	// the one after its last record.
	Start, Stable, End int64
}

// Aborted is one aborted transaction.
type Aborted struct{ ProducerID, First int64 }

// Serve answers fetch requests for one partition from log until the cluster
// restarts, whatever the partition holds. Requests must ask for one partition
// each.
func (c *Cluster) Serve(topic string, partition int, log Log) {
	c.tb.Helper()
	fake := c.Fake()
	fake.ControlKey(int16(Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		request, ok := r.(*kmsg.FetchRequest)
		if !ok || len(request.Topics) != 1 || len(request.Topics[0].Partitions) != 1 {
			return nil, nil, false
		}
		asked := request.Topics[0].Partitions[0]
		if request.Topics[0].Topic != topic || int(asked.Partition) != partition {
			return nil, nil, false
		}
		fake.KeepControl()
		answer := log.answer(asked.FetchOffset)
		if len(answer.RecordBatches) == 0 {
			awaitMore(fake)
		}
		response := request.ResponseKind().(*kmsg.FetchResponse)
		answer.Partition = asked.Partition
		entry := kmsg.NewFetchResponseTopic()
		entry.Topic = topic
		entry.Partitions = append(entry.Partitions, answer)
		response.Topics = append(response.Topics, entry)
		return response, nil, true
	})
	require.NotNil(c.tb, fake.PartitionInfo(topic, int32(partition)), "no partition %s/%d", topic, partition)
}

// awaitMore takes the place of a broker's wait for new records.
func awaitMore(fake *kfake.Cluster) {
	const wait = 20 * time.Millisecond
	fake.SleepControl(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		<-timer.C
	})
}

// answer returns what a broker would for a fetch at offset.
func (l Log) answer(offset int64) kmsg.FetchResponseTopicPartition {
	const outOfRange = 1
	answer := kmsg.NewFetchResponseTopicPartition()
	answer.HighWatermark, answer.LastStableOffset, answer.LogStartOffset = l.End, l.Stable, l.Start
	answer.RecordBatches = []byte{}
	if offset < l.Start || offset > l.End {
		answer.ErrorCode = outOfRange
		return answer
	}
	for _, a := range l.Aborted {
		aborted := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		aborted.ProducerID, aborted.FirstOffset = a.ProducerID, a.First
		answer.AbortedTransactions = append(answer.AbortedTransactions, aborted)
	}
	var data bytes.Buffer
	for _, b := range l.Batches {
		if b.Last >= offset {
			data.Write(b.Encode())
		}
	}
	answer.RecordBatches = append(answer.RecordBatches, data.Bytes()...)
	return answer
}
