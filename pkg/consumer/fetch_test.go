package consumer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/nova-data/nova/pkg/kafkatest"
)

// answer encodes a fetch answer as a broker does.
func answer(version int16, change func(*kmsg.FetchResponse)) []byte {
	response := kmsg.NewPtrFetchResponse()
	response.Version = version
	partition := kmsg.NewFetchResponseTopicPartition()
	partition.Partition = 3
	partition.HighWatermark = 42
	partition.RecordBatches = []byte("batches")
	aborted := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
	aborted.ProducerID, aborted.FirstOffset = 7, 11
	partition.AbortedTransactions = append(partition.AbortedTransactions, aborted)
	topic := kmsg.NewFetchResponseTopic()
	topic.Topic = "cdc.posts"
	topic.Partitions = append(topic.Partitions, partition)
	response.Topics = append(response.Topics, topic)
	if change != nil {
		change(response)
	}
	return response.AppendTo(nil)
}

// Every version that may be negotiated is read alike.
func TestFetchResponseVersions(t *testing.T) {
	for version := int16(minFetchVersion); version <= maxFetchVersion; version++ {
		t.Run(strconv.Itoa(int(version)), func(t *testing.T) {
			p, err := parseFetchResponse(answer(version, nil), version)
			require.NoError(t, err)
			assert.Equal(t, fetchedPartition{
				highWatermark: 42, aborted: []abortedTransaction{{7, 11}}, batches: []byte("batches"),
			}, p)

			p, err = parseFetchResponse(answer(version, func(r *kmsg.FetchResponse) {
				r.Topics[0].Partitions[0].ErrorCode = 1
				r.Topics[0].Partitions[0].AbortedTransactions = nil
				r.Topics[0].Partitions[0].RecordBatches = nil
			}), version)
			require.NoError(t, err)
			assert.Equal(t, kafka.OffsetOutOfRange, p.code)
			assert.Empty(t, p.batches)
		})
	}
	for _, version := range []int16{minFetchVersion - 1, maxFetchVersion + 1} {
		_, err := parseFetchResponse(answer(maxFetchVersion, nil), version)
		require.ErrorContains(t, err, "not supported")
	}
}

// An answer that is cut off anywhere, or holds something else than was asked for,
// is an error.
func TestFetchResponseRefusesDamage(t *testing.T) {
	whole := answer(maxFetchVersion, nil)
	for size := range whole {
		_, err := parseFetchResponse(whole[:size], maxFetchVersion)
		require.Error(t, err, size)
	}
	_, err := parseFetchResponse(answer(maxFetchVersion, func(r *kmsg.FetchResponse) { r.Topics = nil }), maxFetchVersion)
	require.ErrorContains(t, err, "0 topics")
	p, err := parseFetchResponse(answer(maxFetchVersion, func(r *kmsg.FetchResponse) { r.ErrorCode = 70 }), maxFetchVersion)
	require.NoError(t, err)
	assert.Equal(t, kafka.FetchSessionIDNotFound, p.code)
}

// Whatever bytes come, reading a fetch answer ends.
func FuzzFetchResponse(f *testing.F) {
	for version := int16(minFetchVersion); version <= maxFetchVersion; version++ {
		f.Add(answer(version, nil), version)
	}
	f.Fuzz(func(t *testing.T, data []byte, version int16) {
		p, err := parseFetchResponse(data, version)
		if err == nil {
			require.LessOrEqual(t, len(p.batches), len(data))
			require.LessOrEqual(t, len(p.aborted)*16, len(data))
		}
	})
}

// cannedConnection answers every request with the same bytes.
type cannedConnection struct {
	bytes.Reader

	answer []byte
}

func (c *cannedConnection) Write(p []byte) (int, error) {
	c.Reset(c.answer)
	return len(p), nil
}

func newConnection(batches []byte) *cannedConnection {
	body := answer(maxFetchVersion, func(r *kmsg.FetchResponse) {
		r.Topics[0].Partitions[0].RecordBatches = batches
		r.Topics[0].Partitions[0].AbortedTransactions = nil
	})
	head := make([]byte, 8)
	binary.BigEndian.PutUint32(head, uint32(len(body)+4))
	binary.BigEndian.PutUint32(head[4:], correlationID)
	return &cannedConnection{answer: append(head, body...)}
}

// An answer to another request, or one cut off, is an error, which closes the
// connection.
func TestRawExchange(t *testing.T) {
	exchange := func(c *cannedConnection) error {
		request := &fetchRequest{clientID: "test"}
		require.True(t, request.Required(map[protocol.ApiKey]int16{protocol.Fetch: maxFetchVersion}))
		response, err := request.RawExchange(c)
		if err == nil {
			assert.Equal(t, protocol.Fetch, response.ApiKey())
		}
		return err
	}
	require.NoError(t, exchange(newConnection(nil)))
	other := newConnection(nil)
	other.answer[7]++
	require.ErrorContains(t, exchange(other), "answer 2 to request 1")
	short := newConnection(nil)
	short.answer = short.answer[:len(short.answer)-1]
	require.ErrorIs(t, exchange(short), io.ErrUnexpectedEOF)
	huge := newConnection(nil)
	huge.answer[0] = 0x7f
	require.ErrorContains(t, exchange(huge), "fetch answer of")
}

// BenchmarkFetch measures the path from the connection to records, for records
// of 273 bytes with a key: the bytes of one fetch a round.
func BenchmarkFetch(b *testing.B) {
	const count = 3000
	for _, codec := range []compress.Compression{compress.None, compress.Lz4, compress.Zstd} {
		b.Run(codec.String(), func(b *testing.B) {
			var data []byte
			for first := int64(0); first < count; first += 100 {
				batch := kafkatest.Batch{First: first, Last: first + 99, Codec: int16(codec)}
				for i := range int64(100) {
					batch.Records = append(batch.Records, kafkatest.Record{
						Offset: first + i, Key: fmt.Appendf(nil, "%036d", first+i),
						Value: fmt.Appendf(nil, `{"user_id":%d,"text":"%0240d"}`, i, first*i), Time: at,
					})
				}
				if codec != compress.None {
					batch.Compress = compressor(b, codec)
				}
				data = append(data, batch.Encode()...)
			}
			c := newConnection(data)
			decoder := newBatchDecoder("events", 0)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				request := &fetchRequest{clientID: "test", version: maxFetchVersion}
				response, err := request.RawExchange(c)
				require.NoError(b, err)
				partition, err := parseFetchResponse(response.(*fetchResponse).data, maxFetchVersion)
				require.NoError(b, err)
				fetched, err := decoder.decode(partition.batches, 0, partition.aborted)
				require.NoError(b, err)
				require.Len(b, fetched.records, count)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/record")
		})
	}
}
