package consumer_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

const (
	group  = "nova-test"
	posts  = "cdc.posts"
	likes  = "cdc.likes"
	tick   = 10 * time.Millisecond
	within = kafkatest.Patience
)

// settings is how a member is configured.
type settings struct {
	consumer.Config
	consumer.Positions
}

// testConfig returns settings that react quickly.
func testConfig() settings {
	return settings{Config: consumer.Config{
		BatchRows:         1000,
		BatchBytes:        1 << 20,
		BatchAge:          20 * time.Millisecond,
		FetchBytes:        1 << 20,
		FetchWait:         100 * time.Millisecond,
		HeartbeatInterval: 100 * time.Millisecond,
		SessionTimeout:    6 * time.Second,
		RebalanceTimeout:  10 * time.Second,
		DrainTimeout:      3 * time.Second,
		MemoryBudget:      64 << 20,
		WatchdogTimeout:   time.Minute,
		LeaveAfter:        time.Minute,
	}, Positions: consumer.Positions{StartOffsets: consumer.Earliest, OnDataLoss: consumer.Halt}}
}

// sink is a Handler that keeps what it is given, in the order it came.
type sink struct {
	// before runs first, outside of the lock. Nil means nothing does.
	before func(ctx context.Context, records []consumer.Record) error
	// as makes the sink more than a Handler. Nil means it is none.
	as func(s *sink) consumer.Handler

	mu      sync.Mutex
	records []consumer.Record
	batches []int
	calls   int
}

func (s *sink) Handle(ctx context.Context, records []consumer.Record) error {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, records); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, len(records))
	for _, r := range records {
		r.Key, r.Value = clone(r.Key), clone(r.Value)
		s.records = append(s.records, r)
	}
	return nil
}

// handler is the sink as the consumer sees it.
func (s *sink) handler() consumer.Handler {
	if s.as == nil {
		return s
	}
	return s.as(s)
}

// clone copies b and keeps nil and empty apart.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

func (s *sink) all() []consumer.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]consumer.Record(nil), s.records...)
}

func (s *sink) sizes() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.batches...)
}

func (s *sink) attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// counts returns how often each value was handled.
func counts(sinks ...*sink) map[string]int {
	n := map[string]int{}
	for _, s := range sinks {
		for _, r := range s.all() {
			n[string(r.Value)]++
		}
	}
	return n
}

// health keeps what is degraded.
type health struct {
	mu    sync.Mutex
	parts map[string]string
}

func (h *health) Degraded(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.parts == nil {
		h.parts = map[string]string{}
	}
	h.parts[part] = reason
}

func (h *health) Healthy(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.parts, part)
}

func (h *health) degraded() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.parts)
}

// member is a running consumer.
type member struct {
	*sink

	health *health
	reader *sdkmetric.ManualReader
	stop   func()
	done   chan struct{}
}

// start runs a consumer of topics until the test ends or stop is called.
func start(t *testing.T, cluster *kafkatest.Cluster, cfg settings, s *sink, topics ...string) *member {
	t.Helper()
	m := startWith(t, cluster, cfg, func(d *consumer.Deps) { d.Topics, d.Handler = topics, s.handler() })
	m.sink = s
	return m
}

// startWith runs a consumer of what set says until the test ends or stop is
// called.
func startWith(t *testing.T, cluster *kafkatest.Cluster, cfg settings, set func(*consumer.Deps)) *member {
	t.Helper()
	access, err := broker.Open(broker.Config{
		Brokers: cluster.Brokers, ClientID: "test", DialTimeout: 2 * time.Second, Timeout: 5 * time.Second,
		SASL: broker.SASL{Mechanism: broker.None},
	})
	require.NoError(t, err)
	m := &member{health: &health{}, reader: sdkmetric.NewManualReader(), done: make(chan struct{})}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(m.reader))
	deps := consumer.Deps{
		Broker: access, Group: group, Positions: cfg.Positions, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Meter: provider.Meter("test"), Health: m.health,
	}
	set(&deps)
	c, err := consumer.New(cfg.Config, deps)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(m.done)
		assert.NoError(t, c.Run(ctx))
	}()
	m.stop = func() {
		cancel()
		<-m.done
		access.Close()
	}
	t.Cleanup(m.stop)
	return m
}

// sum returns the total of a counter or gauge over all its attributes, seconds
// as milliseconds.
func (m *member) sum(t *testing.T, name string) int {
	t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(t, m.reader.Collect(t.Context(), &data))
	total := 0
	for _, scope := range data.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if metric.Name != name {
				continue
			}
			switch points := metric.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range points.DataPoints {
					total += int(p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range points.DataPoints {
					total += int(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range points.DataPoints {
					total += int(p.Value * 1000)
				}
			default:
				t.Fatalf("%s is a %T", name, metric.Data)
			}
		}
	}
	return total
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, within, tick, what)
}

// produce appends n records to each partition, with distinct values.
func produce(cluster *kafkatest.Cluster, topic string, partitions, n int) map[string]int {
	want := map[string]int{}
	var records []kafkatest.Record
	for partition := range partitions {
		for i := range n {
			value := fmt.Sprintf("%s/%d/%d", topic, partition, int(cluster.Ends(topic)[partition])+i)
			want[value] = 1
			records = append(records, kafkatest.Record{
				Topic: topic, Partition: partition, Key: []byte(value), Value: []byte(value),
			})
		}
	}
	cluster.Produce(records...)
	return want
}
