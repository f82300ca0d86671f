package dedup_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/redis"
)

// A closed rueidis client leaves a timer that ends by itself within a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// fixture is one Claimer with what it reports.
type fixture struct {
	*dedup.Claimer
	log    *lockedBuffer
	health *health
	reader *sdkmetric.ManualReader
	points *failpoint.Set
}

// health keeps what is degraded.
type health struct {
	mu    sync.Mutex
	parts map[string]string
}

func (h *health) Degraded(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts[part] = reason
}

func (h *health) Healthy(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.parts, part)
}

func (h *health) of(part string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.parts[part]
}

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

func open(t *testing.T, addr string, change ...func(*redis.Config, *dedup.Config)) *fixture {
	t.Helper()
	return openUnderTest(t, addr, failpoint.Config{}, change...)
}

// openUnderTest opens a Claimer under fault test.
func openUnderTest(t *testing.T, addr string, faults failpoint.Config, change ...func(*redis.Config, *dedup.Config)) *fixture {
	t.Helper()
	shared := redis.Config{Addr: []string{addr}}
	cfg := dedup.Config{TTL: time.Hour, Timeout: 2 * time.Second}
	for _, c := range change {
		c(&shared, &cfg)
	}
	f := &fixture{log: &lockedBuffer{}, health: &health{parts: map[string]string{}}, reader: sdkmetric.NewManualReader()}
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(f.reader)).Meter("test")
	log := slog.New(slog.NewTextHandler(f.log, nil))
	redisBreaker, err := breaker.New(breaker.Config{Failures: 2, Successes: 1, Delay: 100 * time.Millisecond}, breaker.Deps{
		Name: "redis", IsFailure: dedup.IsFailure, Log: log, Meter: meter, Health: f.health,
	})
	require.NoError(t, err)
	f.points = failpoint.New(faults, log)
	claimer, err := dedup.Open(shared, cfg, dedup.Deps{
		Log: log, Meter: meter, Breaker: redisBreaker, Health: f.health, Failpoints: f.points,
	})
	require.NoError(t, err)
	t.Cleanup(claimer.Close)
	f.Claimer = claimer
	return f
}

// count is the value of a counter.
func (f *fixture) count(t *testing.T, name string) int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, f.reader.Collect(context.Background(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == name {
				return sum.DataPoints[0].Value
			}
		}
	}
	return 0
}

func (f *fixture) claim(t *testing.T, claims ...dedup.Claim) []bool {
	t.Helper()
	kept, err := f.Claim(t.Context(), claims)
	require.NoError(t, err)
	return kept
}

// record is a claim of the record at an offset of partition 0 for an event.
func record(event byte, offset int64) dedup.Claim {
	return dedup.Claim{
		EventID: uuid.UUID{15: event}, TimeMS: 1764000000000,
		Topic: "events", Partition: 0, Offset: offset, PayloadHash: 0xabc,
	}
}

// eventually waits for a condition that another process brings about.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	assert.Eventually(t, condition, 20*time.Second, 20*time.Millisecond)
}

func key(event byte) string {
	return fmt.Sprintf("event_idempotency:%s:1764000000000", uuid.UUID{15: event})
}
