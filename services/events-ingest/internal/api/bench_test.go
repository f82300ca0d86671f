package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

// discard acknowledges everything.
type discard struct{}

func (discard) Publish(context.Context, ...producer.Record) error { return nil }

// bodies are n events of about 300 bytes of JSON in both forms.
func bodies(tb testing.TB, n int) (asJSON, asProtobuf string) {
	tb.Helper()
	var texts []string
	for i := range n {
		id := uuid.NewSHA1(uuid.Nil, []byte{byte(i)})
		texts = append(texts, fmt.Sprintf(`{"event_id":%q,"ts":%d,"user_id":%q,"post_id":%q,"action":"view","dwell_ms":%d,`+
			`"device":"ios","app_ver":"4.12.0","screen":"feed","session":"0190c1de8f2b7c31"}`, id, now, userID, id, i))
	}
	asJSON = batchOf(texts...)
	events, err := event.DecodeJSONBatch([]byte(asJSON), event.Bounds{MaxEvents: n, Earliest: time.UnixMilli(0), Latest: time.UnixMilli(now)})
	require.NoError(tb, err)
	var encoded []byte
	for i := range events {
		encoded = protowire.AppendTag(encoded, 1, protowire.BytesType)
		encoded = protowire.AppendBytes(encoded, events[i].AppendProtobuf(nil))
	}
	return asJSON, string(encoded)
}

// recorder is an answer that nobody reads.
type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

// What the handler itself costs for a POST of 100 events, per event.
func BenchmarkPost(b *testing.B) {
	const events = 100
	asJSON, asProtobuf := bodies(b, events)
	for _, bench := range []struct{ name, contentType, encoding, body string }{
		{"json", typeJSON, "", asJSON},
		{"json-gzip", typeJSON, "gzip", compressed(b, asJSON)},
		{"protobuf", typeProtobuf, "", asProtobuf},
		{"protobuf-gzip", typeProtobuf, "gzip", compressed(b, asProtobuf)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			cfg := config()
			cfg.MaxBodyBytes, cfg.MaxBytesInFlight, cfg.MaxEvents = 1<<20, 64<<20, events
			handler, err := api.NewHandler(cfg, deps(discard{}, &health{}, &strings.Builder{}))
			require.NoError(b, err)
			b.SetBytes(int64(len(bench.body)))
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/events", strings.NewReader(bench.body))
				request.Header.Set("Content-Type", bench.contentType)
				if bench.encoding != "" {
					request.Header.Set("Content-Encoding", bench.encoding)
				}
				w := &recorder{header: http.Header{}}
				handler.ServeHTTP(w, request)
				if w.status != http.StatusAccepted {
					b.Fatal(w.status)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
}

const clients = 100

// postTogether posts one event by each of a hundred clients at once, through a real
// producer, and returns how many produce requests that took.
func postTogether(tb testing.TB) func() int {
	tb.Helper()
	cluster := kafkatest.Start(tb, kafkatest.Topic{Name: "events", Partitions: 3})
	requests := cluster.Watch(kafkatest.Produce)
	kafka, err := broker.Open(broker.Config{Brokers: cluster.Brokers, ClientID: "test", DialTimeout: time.Second, Timeout: 5 * time.Second, SASL: broker.SASL{Mechanism: broker.None}})
	require.NoError(tb, err)
	tb.Cleanup(kafka.Close)
	log := slog.New(slog.DiscardHandler)
	publisher, err := producer.New(producer.Config{
		MaxRecordBytes: 1_000_000, BatchBytes: 900_000, BatchRecords: 10_000, Linger: 2 * time.Millisecond, RequestTimeout: 5 * time.Second,
	}, producer.Deps{Broker: kafka, Log: log, Meter: noop.Meter{}})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, publisher.Close()) })
	cfg := config()
	cfg.MaxConcurrent, cfg.MaxBytesInFlight, cfg.PublishTimeout = clients, 1<<20, 10*time.Second
	handler, err := api.NewHandler(cfg, deps(publisher, &health{degraded: map[string]string{}}, &strings.Builder{}))
	require.NoError(tb, err)
	return func() int {
		before := requests.Count()
		statuses := make([]int, clients)
		var posting sync.WaitGroup
		for i := range clients {
			posting.Go(func() {
				w := httptest.NewRecorder()
				user := uuid.NewSHA1(uuid.Nil, []byte{byte(i)}).String()
				handler.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/v1/events",
					strings.NewReader(strings.Replace(good, userID, user, 1))))
				statuses[i] = w.Code
			})
		}
		posting.Wait()
		for _, status := range statuses {
			require.Equal(tb, http.StatusAccepted, status)
		}
		return requests.Count() - before
	}
}

// Small requests of many clients share produce requests: a few a partition, not one
// each.
func TestSmallRequestsShareProduceRequests(t *testing.T) {
	post := postTogether(t)
	post() // looks the topic up
	took := post()
	t.Logf("%d requests of one event took %d produce requests", clients, took)
	require.LessOrEqual(t, took, clients/4)
}

// How many produce requests a hundred small requests take.
func BenchmarkSmallRequests(b *testing.B) {
	post := postTogether(b)
	post()
	took := 0
	for b.Loop() {
		took += post()
	}
	b.ReportMetric(float64(took)/float64(b.N), "produce/100-requests")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/clients, "ns/request")
}
