package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// health keeps what it is told.
type health struct {
	mu       sync.Mutex
	degraded map[string]string
}

func (h *health) Degraded(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.degraded[part] = reason
}

func (h *health) Healthy(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.degraded, part)
}

func (h *health) of(part string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.degraded[part]
}

// scripted is a part that is as it is told.
type scripted struct {
	mu     sync.Mutex
	found  finding
	looks  int
	closed bool
}

func (*scripted) name() string { return "part" }

func (s *scripted) look(context.Context) finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return s.found
}

func (s *scripted) close(context.Context) { s.closed = true }

// What is wrong shows at once and for as long as it lasts, with figures of the last
// look; the log has it when it begins, changes its kind, and ends.
func TestStatesAreSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		made, err := newMetrics(noop.Meter{})
		require.NoError(t, err)
		told, p := &health{degraded: map[string]string{}}, &scripted{}
		w := &Watcher{interval: time.Second, parts: []part{p}, metrics: made, health: told, log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { assert.ErrorIs(t, w.Run(ctx), context.Canceled) })
		during := func(found finding, want string) {
			p.mu.Lock()
			p.found = found
			p.mu.Unlock()
			<-time.After(3 * time.Second)
			synctest.Wait()
			assert.Equal(t, want, told.of("part"))
			assert.Equal(t, want != "", made.isUnhealthy["part"])
		}
		synctest.Wait()
		during(finding{}, "")
		during(finding{kind: "behind", text: "1 MB behind", fix: "wait"}, "1 MB behind: wait")
		during(finding{kind: "behind", text: "2 MB behind", fix: "wait"}, "2 MB behind: wait")
		during(unreachable("start it", errors.New("no route")), "no route: start it")
		during(finding{}, "")
		cancel()
		running.Wait()
		assert.Equal(t, 16, p.looks)
		assert.True(t, p.closed)
		assert.Equal(t, strings.Join([]string{
			`level=WARN msg="source unhealthy" part=part problem="1 MB behind" fix=wait`,
			`level=WARN msg="source unhealthy" part=part problem="no route" fix="start it"`,
			`level=INFO msg="source healthy again" part=part`, "",
		}, "\n"), log.String())
	})
}

// A server that does not answer in time is said to, in words that stay the same.
func TestNoAnswer(t *testing.T) {
	assert.Equal(t, "no answer within 10s", unreachable("", fmt.Errorf("asking: %w", context.DeadlineExceeded)).text)
}

// All that is wrong with the configuration is said at once.
func TestConfig(t *testing.T) {
	_, err := New(Config{}, Deps{Meter: noop.Meter{}})
	for _, want := range []string{"CONNECTOR", "INTERVAL", "MAX_LAG must", "MAX_LAG_BYTES", "MAX_HEARTBEAT_AGE"} {
		require.ErrorContains(t, err, want)
	}
	assert.Equal(t, "other", Config{Connector: "nova", Slot: "other"}.slot())
}

// The heartbeats of the newest source count.
func TestHeartbeatTopic(t *testing.T) {
	assert.Equal(t, heartbeats, HeartbeatTopic(debezium.Epochs{"nova": 0}))
	assert.Equal(t, "__debezium-heartbeat.nova2", HeartbeatTopic(debezium.Epochs{"nova3": 1, "nova2": 2, "nova": 0}))
}

const heartbeats = "__debezium-heartbeat.nova"

func openKafka(t *testing.T, brokers []string) *broker.Cluster {
	t.Helper()
	cluster, err := broker.Open(broker.Config{Brokers: brokers, ClientID: "source", DialTimeout: kafkatest.Patience, Timeout: kafkatest.Patience, SASL: broker.SASL{Mechanism: broker.None}})
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

// A connector without heartbeats is not at fault, one whose heartbeats have ended is,
// and so is one that has no topic for them.
func TestHeartbeat(t *testing.T) {
	kafka := kafkatest.Start(t, kafkatest.Topic{Name: heartbeats, Partitions: 1})
	made, err := newMetrics(noop.Meter{})
	require.NoError(t, err)
	h := &heartbeat{cfg: settings(), kafka: openKafka(t, kafka.Brokers), topic: "nothing", log: slog.New(slog.DiscardHandler), metrics: made}
	beat := func(age time.Duration) {
		kafka.Produce(kafkatest.Record{Topic: heartbeats, Value: []byte(`{"ts_ms":1}`), Time: time.Now().Add(-age)})
	}
	assert.Equal(t, finding{}, h.look(t.Context()), "no topic")
	h.isNeeded = true
	assert.Equal(t, "there is no topic nothing: a connector with heartbeats waits for it, and writes nothing", h.look(t.Context()).text)
	h.topic = heartbeats
	assert.Equal(t, finding{}, h.look(t.Context()), "no heartbeat")
	assert.Negative(t, made.heartbeatAge)
	beat(2 * time.Minute)
	assert.Equal(t, "the connector's newest heartbeat is 2m0s old", h.look(t.Context()).text)
	beat(-time.Hour) // of a clock that is ahead
	assert.Equal(t, finding{}, h.look(t.Context()))
	assert.Zero(t, made.heartbeatAge)
	kafka.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	assert.Equal(t, isUnreachable, h.look(ctx).kind)
	assert.Negative(t, made.heartbeatAge)
}

// A watcher shows what it has read as metrics, and ends with its context.
func TestWatcher(t *testing.T) {
	kafka := kafkatest.Start(t, kafkatest.Topic{Name: heartbeats, Partitions: 1})
	kafka.Produce(kafkatest.Record{Topic: heartbeats, Value: []byte("{}")})
	postgres := pgtest.Start(t)
	postgres.Exec("SELECT pg_create_logical_replication_slot('nova', 'pgoutput')")
	reader := sdkmetric.NewManualReader()
	cfg := settings()
	cfg.Interval = minInterval
	told := &health{degraded: map[string]string{}}
	w, err := New(cfg, Deps{
		PostgresDSN: postgres.DSN, ConnectURL: "http://127.0.0.1:1", Kafka: openKafka(t, kafka.Brokers), HeartbeatTopic: heartbeats,
		Log: slog.New(slog.DiscardHandler), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("source"), Health: told,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { assert.ErrorIs(t, w.Run(ctx), context.Canceled) })
	defer running.Wait()
	defer cancel()
	require.Eventually(t, func() bool {
		return told.of("source slot") != "" && told.of("source connector") != "" && len(shown(t, reader)) == 6
	}, kafkatest.Patience, 10*time.Millisecond)
	assert.Contains(t, told.of("source slot"), "nobody reads slot nova")
	assert.Contains(t, told.of("source connector"), "see whether Kafka Connect runs")
	assert.Equal(t, map[string]int{
		"cdc_source_unhealthy": 3, "cdc_source_slot_lag_bytes": 1, "cdc_source_slot_lag_seconds": 1,
		"cdc_source_slot_retained_bytes": 1, "cdc_source_slot_active": 1, "cdc_source_heartbeat_age_seconds": 1,
	}, shown(t, reader), "what is not known is not shown")
}

// shown is how many points each metric has.
func shown(t *testing.T, reader sdkmetric.Reader) map[string]int {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.WithoutCancel(t.Context()), &all))
	points := map[string]int{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Gauge[int64]:
				points[m.Name] = len(data.DataPoints)
			case metricdata.Gauge[float64]:
				points[m.Name] = len(data.DataPoints)
			}
		}
	}
	return points
}
