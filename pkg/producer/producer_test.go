package producer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/producer"
)

const (
	events  = "events"
	letters = "events-dlq"
)

func testConfig() producer.Config {
	return producer.Config{
		MaxRecordBytes: 100_000,
		BatchBytes:     50_000,
		BatchRecords:   1000,
		Linger:         time.Millisecond,
		RequestTimeout: 5 * time.Second,
	}
}

func start(tb testing.TB, cluster *kafkatest.Cluster, cfg producer.Config) *producer.Producer {
	tb.Helper()
	return startLogging(tb, cluster, cfg, slog.DiscardHandler)
}

func startLogging(tb testing.TB, cluster *kafkatest.Cluster, cfg producer.Config, log slog.Handler) *producer.Producer {
	tb.Helper()
	access, err := broker.Open(broker.Config{
		Brokers: cluster.Brokers, ClientID: "test", DialTimeout: 2 * time.Second, Timeout: 5 * time.Second,
		SASL: broker.SASL{Mechanism: broker.None},
	})
	require.NoError(tb, err)
	p, err := producer.New(cfg, producer.Deps{
		Broker: access, Log: slog.New(log), Meter: noop.Meter{},
	})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, p.Close())
		access.Close()
	})
	return p
}

func patient(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), kafkatest.Patience)
	tb.Cleanup(cancel)
	return ctx
}

// What Publish returned nil for is on the topic as it was given, null and empty
// kept apart.
func TestPublishedRecordsAreOnTheTopic(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
	p := start(t, cluster, testConfig())
	at := time.UnixMilli(1_700_000_000_123)
	require.NoError(t, p.Publish(patient(t)))
	require.NoError(t, p.Publish(patient(t),
		producer.Record{Topic: events, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []producer.Header{
			{Key: "content-type", Value: []byte("x")}, {Key: "empty", Value: []byte{}},
		}},
		producer.Record{Topic: events, Key: []byte{}, Value: nil, Time: at},
		producer.Record{Topic: events, Key: nil, Value: []byte{}, Time: at},
	))
	assert.Equal(t, []kafkatest.Record{
		{Topic: events, Offset: 0, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []kafkatest.Header{
			{Key: "content-type", Value: []byte("x")}, {Key: "empty", Value: []byte{}},
		}},
		{Topic: events, Offset: 1, Key: []byte{}, Value: nil, Time: at},
		{Topic: events, Offset: 2, Key: nil, Value: []byte{}, Time: at},
	}, cluster.Records(events))
}

// Keys land on the partitions that Java's producer picks, so that records of one
// key from different producers share a partition. The expected ones are from
// Kafka's own tests of murmur2.
func TestKeysLandWhereJavaPutsThem(t *testing.T) {
	murmur2 := map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	}
	const partitions = 12
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: partitions})
	p := start(t, cluster, testConfig())
	var records []producer.Record
	for key := range murmur2 {
		records = append(records, producer.Record{Topic: events, Key: []byte(key), Value: []byte("v")})
	}
	require.NoError(t, p.Publish(patient(t), records...))
	stored := cluster.Records(events)
	require.Len(t, stored, len(murmur2))
	for _, r := range stored {
		assert.Equal(t, int(murmur2[string(r.Key)]&0x7fffffff)%partitions, r.Partition, string(r.Key))
	}
}

// Records of concurrent publishers travel together, none is lost or doubled, and
// those of one Publish keep their order.
func TestConcurrentPublishersShareRequests(t *testing.T) {
	const publishers, rounds, each = 16, 10, 5
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 2})
	requests := cluster.Watch(kafkatest.Produce)
	p := start(t, cluster, testConfig())
	var group sync.WaitGroup
	for publisher := range publishers {
		group.Go(func() {
			for round := range rounds {
				var records []producer.Record
				for i := range each {
					value := fmt.Sprintf("%02d-%02d-%d", publisher, round, i)
					records = append(records, producer.Record{Topic: events, Key: []byte{byte(publisher)}, Value: []byte(value)})
				}
				assert.NoError(t, p.Publish(patient(t), records...))
			}
		})
	}
	group.Wait()
	last := map[byte]string{}
	stored := cluster.Records(events)
	assert.Len(t, stored, publishers*rounds*each)
	for _, r := range stored {
		assert.Greater(t, string(r.Value), last[r.Key[0]], "in order and not twice")
		last[r.Key[0]] = string(r.Value)
	}
	assert.Less(t, requests.Count(), publishers*rounds)
}

// An error names the records it concerns and no others: those of the other topic
// are acknowledged.
func TestErrorNamesTopicAndRecord(t *testing.T) {
	const topicAuthorizationFailed = 29
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1}, kafkatest.Topic{Name: letters, Partitions: 1})
	cluster.Fail(kafkatest.Fault{Request: kafkatest.Produce, Topic: letters, Code: topicAuthorizationFailed})
	p := start(t, cluster, testConfig())
	err := p.Publish(patient(t),
		producer.Record{Topic: events, Value: []byte("0")},
		producer.Record{Topic: letters, Value: []byte("1")},
		producer.Record{Topic: events, Value: []byte("2")},
	)
	var failed *producer.PublishError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Failures, 1)
	assert.Equal(t, 1, failed.Failures[0].Index)
	assert.Equal(t, letters, failed.Failures[0].Topic)
	require.ErrorIs(t, err, kafka.TopicAuthorizationFailed)
	assert.ErrorContains(t, err, "publishing 1 of 3 records; record 1 for topic events-dlq")
	assert.Len(t, cluster.Records(events), 2)
	assert.Empty(t, cluster.Records(letters))
}

// Errors that may pass are tried again: a leader that moved, a cut connection, a
// broker that restarts, a topic that is created later.
func TestPassingErrorsAreRetried(t *testing.T) {
	const notLeader, notEnoughReplicas = 6, 19
	for name, disturb := range map[string]func(*kafkatest.Cluster){
		"not leader": func(c *kafkatest.Cluster) {
			c.Fail(kafkatest.Fault{Request: kafkatest.Produce, Code: notLeader, Times: 3})
		},
		"not enough replicas": func(c *kafkatest.Cluster) {
			c.Fail(kafkatest.Fault{Request: kafkatest.Produce, Code: notEnoughReplicas, Times: 2})
		},
		"leader moves":    func(c *kafkatest.Cluster) { c.MoveLeader(events, 0) },
		"connection cut":  func(c *kafkatest.Cluster) { c.Drop(kafkatest.Produce, 2) },
		"broker restarts": func(c *kafkatest.Cluster) { c.Restart() },
	} {
		t.Run(name, func(t *testing.T) {
			cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
			p := start(t, cluster, testConfig())
			require.NoError(t, p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("before")}))
			disturb(cluster)
			require.NoError(t, p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("after")}))
			assert.Len(t, cluster.Records(events), 2)
		})
	}
}

// A topic that does not exist yet is waited for by all its publishers, and the log
// says so once.
func TestFreshTopicIsAwaited(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
	var log lockedBuffer
	p := startLogging(t, cluster, testConfig(), slog.NewTextHandler(&log, nil))
	require.NoError(t, p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("v")}))
	const publishers = 3
	published := make(chan error, publishers)
	for range publishers {
		go func() {
			published <- p.Publish(patient(t), producer.Record{Topic: letters, Value: []byte("v")})
		}()
	}
	looked := cluster.Watch(kafkatest.Metadata)
	require.Eventually(t, func() bool { return log.text() != "" && looked.Count() > 2 }, kafkatest.Patience, time.Millisecond)
	cluster.CreateTopic(kafkatest.Topic{Name: letters, Partitions: 3})
	for range publishers {
		require.NoError(t, <-published)
	}
	assert.Len(t, cluster.Records(letters), publishers)
	assert.Equal(t, 1, strings.Count(log.text(), "publishing waits for a topic"))
	assert.Equal(t, 1, strings.Count(log.text(), "the topic is there"))
}

// A partition that takes nothing for a while is told of once, however many batches
// meet it, and once more when it goes on.
func TestDelaysAreLoggedOnce(t *testing.T) {
	const notEnoughReplicas = 19
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
	var log lockedBuffer
	p := startLogging(t, cluster, testConfig(), slog.NewTextHandler(&log, nil))
	require.NoError(t, p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("0")}))
	cluster.Fail(kafkatest.Fault{Request: kafkatest.Produce, Code: notEnoughReplicas, Times: 4})
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		require.Error(t, p.Publish(ctx, producer.Record{Topic: events, Value: []byte("hasty")}))
		cancel()
	}
	require.NoError(t, p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("patient")}))
	assert.Equal(t, 1, strings.Count(log.text(), "publishing is delayed"))
	require.Eventually(t, func() bool { return strings.Contains(log.text(), "publishing goes on") }, kafkatest.Patience, time.Millisecond)
}

// Publish gives up with its context, says what it was waiting for, and leaves
// other publishers of the same partition unharmed.
func TestPublishEndsWithItsContext(t *testing.T) {
	const notEnoughReplicas = 19
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
	p := start(t, cluster, testConfig())
	require.NoError(t, p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("0")}))
	hits := cluster.Fail(kafkatest.Fault{Request: kafkatest.Produce, Code: notEnoughReplicas, Times: 4})
	other := make(chan error, 1)
	go func() { other <- p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("other")}) }()
	require.Eventually(t, func() bool { return hits.Count() > 0 }, kafkatest.Patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := p.Publish(ctx, producer.Record{Topic: events, Value: []byte("hasty")})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, <-other)
}

// However a Publish and its queue learn of the context's end, the error says
// what held the record up.
func TestGivingUpNamesTheCause(t *testing.T) {
	const notEnoughReplicas = 19
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
	p := start(t, cluster, testConfig())
	require.NoError(t, p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("0")}))
	cluster.Fail(kafkatest.Fault{Request: kafkatest.Produce, Code: notEnoughReplicas, Times: kafkatest.Always})
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		err := p.Publish(ctx, producer.Record{Topic: events, Value: []byte("v")})
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, kafka.NotEnoughReplicas)
	}
}

// A record over the configured size fails by name before anything is written; one
// over the topic's own limit fails alone, and its neighbours are written.
func TestTooLargeRecords(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{
		Name: events, Partitions: 1, Config: map[string]string{"max.message.bytes": "5000"},
	})
	cfg := testConfig()
	p := start(t, cluster, cfg)
	small := producer.Record{Topic: events, Value: []byte("small")}
	err := p.Publish(patient(t), small, producer.Record{Topic: events, Value: make([]byte, cfg.MaxRecordBytes+1)})
	require.ErrorIs(t, err, producer.ErrTooLarge)
	require.ErrorContains(t, err, "record 1 for topic events: record is too large: 100001 bytes, at most 100000 (MAX_RECORD_BYTES)")
	assert.Empty(t, cluster.Records(events))

	err = p.Publish(patient(t), small, producer.Record{Topic: events, Value: noise(20_000)}, small)
	require.ErrorIs(t, err, producer.ErrTooLarge)
	var failed *producer.PublishError
	require.ErrorAs(t, err, &failed)
	require.Len(t, failed.Failures, 1)
	assert.Equal(t, 1, failed.Failures[0].Index)
	assert.Len(t, cluster.Records(events), 2)
}

// Requests keep to BatchBytes; a record larger than that travels alone.
func TestBatchesKeepToTheirSize(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{
		Name: events, Partitions: 1, Config: map[string]string{"max.message.bytes": "60000"},
	})
	cfg := testConfig()
	cfg.BatchBytes = 40_000
	cfg.BatchRecords = 7
	p := start(t, cluster, cfg)
	var records []producer.Record
	for range 20 {
		records = append(records, producer.Record{Topic: events, Value: noise(5_000)})
	}
	records = append(records, producer.Record{Topic: events, Value: noise(50_000)})
	requests := cluster.Watch(kafkatest.Produce)
	require.NoError(t, p.Publish(patient(t), records...))
	assert.Len(t, cluster.Records(events), len(records))
	assert.Equal(t, 4, requests.Count(), "three of up to seven, and the large one")
}

// Close waits for what is under way and refuses what comes later.
func TestCloseDrains(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: events, Partitions: 1})
	p := start(t, cluster, testConfig())
	held, release := cluster.Hold(kafkatest.Produce)
	published, closed := make(chan error, 1), make(chan error, 1)
	go func() { published <- p.Publish(patient(t), producer.Record{Topic: events, Value: []byte("v")}) }()
	<-held
	go func() { closed <- p.Close() }()
	require.Eventually(t, func() bool {
		return errors.Is(p.Publish(patient(t)), producer.ErrClosed)
	}, kafkatest.Patience, time.Millisecond)
	select {
	case err := <-closed:
		t.Fatalf("closed with a record under way: %v", err)
	default:
	}
	release()
	require.NoError(t, <-published)
	require.NoError(t, <-closed)
	require.NoError(t, p.Close())
	assert.Len(t, cluster.Records(events), 1)
}

// A configuration that cannot work is refused with every problem named.
func TestConfigIsChecked(t *testing.T) {
	err := producer.Config{Linger: time.Second}.Validate()
	for _, name := range []string{"MAX_RECORD_BYTES", "BATCH_BYTES", "BATCH_RECORDS", "LINGER", "REQUEST_TIMEOUT"} {
		assert.ErrorContains(t, err, name)
	}
	require.NoError(t, testConfig().Validate())
	_, err = producer.New(testConfig(), producer.Deps{})
	for _, name := range []string{"Broker", "Log", "Meter"} {
		assert.ErrorContains(t, err, name)
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// noise returns bytes that do not compress.
func noise(n int) []byte {
	var b bytes.Buffer
	random := rand.New(rand.NewPCG(1, 2))
	for b.Len() < n {
		b.WriteByte(byte(random.Uint32()))
	}
	return b.Bytes()
}

// BenchmarkPublish measures 100 small records a call, eight callers.
func BenchmarkPublish(b *testing.B) {
	cluster := kafkatest.Start(b, kafkatest.Topic{Name: events, Partitions: 4})
	p := start(b, cluster, testConfig())
	records := make([]producer.Record, 100)
	for i := range records {
		records[i] = producer.Record{Topic: events, Key: fmt.Appendf(nil, "%d", i), Value: make([]byte, 300)}
	}
	b.SetBytes(int64(len(records) * 300))
	b.ReportAllocs()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := p.Publish(b.Context(), records...); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
