package dlq_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/producer"
)

const topic = "events-dlq"

func startWriter(t *testing.T, cluster *kafkatest.Cluster) *dlq.Writer {
	t.Helper()
	access, err := broker.Open(broker.Config{
		Brokers: cluster.Brokers, ClientID: "test", DialTimeout: 2 * time.Second, Timeout: 5 * time.Second,
		SASL: broker.SASL{Mechanism: broker.None},
	})
	require.NoError(t, err)
	p, err := producer.New(producer.Config{
		MaxRecordBytes: 1 << 20, BatchBytes: 1 << 20, BatchRecords: 100, RequestTimeout: 5 * time.Second,
	}, producer.Deps{Broker: access, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.Close())
		access.Close()
	})
	return dlq.NewWriter(topic, p)
}

// A written letter is on its topic under its origin, with the record's headers,
// and reads back to the record's bytes.
func TestWrittenLetterReadsBack(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 2})
	w := startWriter(t, cluster)
	value := []byte{0xff, 0x00, 0x7f}
	letter := dlq.NewLetter(record(value), failure())
	require.NoError(t, w.Write(t.Context(), []dlq.Letter{letter}))
	require.NoError(t, w.Write(t.Context(), []dlq.Letter{letter}), "again, after a commit that failed")
	require.NoError(t, w.Write(t.Context(), nil))

	stored := cluster.Records(topic)
	require.Len(t, stored, 2)
	for _, r := range stored {
		assert.Equal(t, "events/3/42", string(r.Key))
		assert.Equal(t, []kafkatest.Header{{Key: "content-type", Value: []byte("application/json")}, {Key: "none"}}, r.Headers)
		decoded, err := dlq.Decode(r.Value)
		require.NoError(t, err)
		original, err := decoded.Original()
		require.NoError(t, err)
		assert.Equal(t, value, original)
	}
	assert.Equal(t, stored[0].Partition, stored[1].Partition)
}

// A letter that is too large is written without its headers and with the
// beginning of its error; the other letters are whole.
func TestLargeLetterIsCutDown(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 1, Config: map[string]string{"max.message.bytes": "20000"}})
	w := startWriter(t, cluster)
	large := record(noise(9_000))
	large.Headers = []dlq.RecordHeader{{Key: "big", Value: noise(30_000)}}
	fail := failure()
	fail.Err = errors.New(strings.Repeat("é", 20_000))
	require.NoError(t, w.Write(t.Context(), []dlq.Letter{
		dlq.NewLetter(record([]byte("1")), failure()), dlq.NewLetter(large, fail),
	}))
	last := cluster.Records(topic)
	cut, err := dlq.Decode(last[len(last)-1].Value)
	require.NoError(t, err)
	assert.Empty(t, cut.Headers)
	assert.Less(t, len(cut.Error), 600)
	original, err := cut.Original()
	require.NoError(t, err)
	assert.Equal(t, large.Value, original)
	whole, err := dlq.Decode(last[len(last)-2].Value)
	require.NoError(t, err)
	assert.Len(t, whole.Headers, 2)
}

// A letter whose record alone exceeds its topic fails by that name: the caller
// must not commit the record's offset.
func TestLetterThatCannotFitFails(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 1, Config: map[string]string{"max.message.bytes": "20000"}})
	w := startWriter(t, cluster)
	err := w.Write(t.Context(), []dlq.Letter{dlq.NewLetter(record(noise(40_000)), failure())})
	require.ErrorIs(t, err, producer.ErrTooLarge)
	assert.Empty(t, cluster.Records(topic))
}

// Errors of another kind are returned: nothing is said to be written.
func TestWriteReturnsErrors(t *testing.T) {
	const topicAuthorizationFailed = 29
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: topic, Partitions: 1})
	w := startWriter(t, cluster)
	cluster.Fail(kafkatest.Fault{Request: kafkatest.Produce, Code: topicAuthorizationFailed})
	err := w.Write(t.Context(), []dlq.Letter{dlq.NewLetter(record([]byte("1")), failure())})
	require.ErrorContains(t, err, "writing letters to events-dlq")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, w.Write(ctx, []dlq.Letter{dlq.NewLetter(record(nil), failure())}), context.Canceled)
}

// stuck is a publisher that waits for a topic nobody creates.
type stuck struct{}

func (stuck) Publish(ctx context.Context, _ ...producer.Record) error {
	<-ctx.Done()
	return errors.Join(ctx.Err(), errors.New("no such topic"))
}

// Letters that Kafka does not take are an error after a while, not a silent
// wait: the caller is to say why it pauses.
func TestWriteGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := dlq.NewWriter(topic, stuck{}).Write(ctx, []dlq.Letter{dlq.NewLetter(record(nil), failure())})
		require.ErrorContains(t, err, "no such topic")
		require.NoError(t, ctx.Err())
	})
}

// noise returns bytes that do not compress.
func noise(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}
