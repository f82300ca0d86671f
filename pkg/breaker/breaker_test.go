package breaker_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/breaker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errDown  = errors.New("no answer")
	errQuery = errors.New("no such column")
)

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

// fixture is a breaker that opens at two failures for a second, and closes after
// two successes. It repeats calls twice, after about 100 and 200 ms.
type fixture struct {
	*breaker.Breaker
	health *health
	reader *sdkmetric.ManualReader
}

func testConfig() breaker.Config {
	return breaker.Config{
		Failures: 2, Successes: 2, Delay: time.Second,
		Retries: 2, Backoff: 100 * time.Millisecond, MaxBackoff: time.Second,
	}
}

func newFixture(t *testing.T, change ...func(*breaker.Config)) *fixture {
	t.Helper()
	f := &fixture{health: &health{parts: map[string]string{}}, reader: sdkmetric.NewManualReader()}
	cfg := testConfig()
	for _, c := range change {
		c(&cfg)
	}
	var err error
	f.Breaker, err = breaker.New(cfg, breaker.Deps{
		Name: "ClickHouse", IsFailure: func(err error) bool { return errors.Is(err, errDown) },
		Log: slog.New(slog.DiscardHandler), Health: f.health,
		Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(f.reader)).Meter("test"),
	})
	require.NoError(t, err)
	return f
}

// call makes one call that returns err.
func (f *fixture) call(err error) error {
	return f.Do(context.Background(), func(context.Context) error { return err })
}

// open makes the breaker open.
func (f *fixture) open(t *testing.T) {
	t.Helper()
	for range 2 {
		require.Equal(t, errDown, f.call(errDown))
	}
	require.False(t, f.IsClosed())
}

// It opens at the threshold of failures in a row, says why, refuses calls without
// making them, and closes after the delay when the trials succeed.
func TestOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		require.Equal(t, errDown, f.call(errDown))
		require.NoError(t, f.call(nil), "a success begins the count anew")
		f.open(t)
		assert.Equal(t, map[string]string{"ClickHouse": "its breaker is open: no answer"}, f.health.parts)

		err := f.Do(t.Context(), func(context.Context) error { t.Error("called"); return nil })
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.EqualError(t, err, "ClickHouse: breaker is open: no answer")

		<-time.After(time.Second)
		require.NoError(t, f.call(nil))
		require.False(t, f.IsClosed(), "one trial is not enough")
		require.NoError(t, f.call(nil))
		require.True(t, f.IsClosed())
		assert.Empty(t, f.health.parts)
	})
}

// A failed trial opens it again for the whole delay.
func TestFailedTrialOpensAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.open(t)
		<-time.After(time.Second)
		require.Equal(t, errDown, f.call(errDown))
		require.ErrorIs(t, f.call(nil), breaker.ErrOpen)
		<-time.After(time.Second)
		require.NoError(t, f.call(nil))
	})
}

// What the dependency is not to blame for does not open it: wrong queries, and
// callers that give up.
func TestOnlyFailuresCount(t *testing.T) {
	f := newFixture(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		require.Equal(t, errQuery, f.call(errQuery))
		require.Equal(t, errDown, f.Do(gone, func(context.Context) error { return errDown }))
	}
	assert.True(t, f.IsClosed())
}

// A call that runs out of its caller's time is a failure, if that kind of error is.
func TestDeadlineCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.Equal(t, errDown, f.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return errDown }))
			cancel()
		}
		assert.False(t, f.IsClosed())
	})
}

// A trial that is given up, or panics, does not keep the breaker open for ever.
func TestTrialIsGivenBack(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, f *fixture){
		"given up": func(t *testing.T, f *fixture) {
			t.Helper()
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			require.Error(t, f.Do(gone, func(ctx context.Context) error { return ctx.Err() }))
		},
		"panic": func(t *testing.T, f *fixture) {
			t.Helper()
			require.Panics(t, func() { _ = f.Do(t.Context(), func(context.Context) error { panic("a bug") }) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.open(t)
				for range 10 { // more than there are permits
					<-time.After(time.Second)
					spoil(t, f)
				}
				<-time.After(time.Second)
				require.NoError(t, f.call(nil))
			})
		})
	}
}

// Calls that began before the breaker opened, and end when it has closed again,
// tell of the outage that is over: they do not open it again.
func TestLateFailuresDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var late sync.WaitGroup
		for range 3 {
			late.Go(func() {
				_ = f.Do(t.Context(), func(context.Context) error { <-time.After(time.Minute); return errDown })
			})
		}
		synctest.Wait()
		f.open(t)
		<-time.After(time.Second)
		require.NoError(t, f.call(nil))
		require.NoError(t, f.call(nil))
		require.True(t, f.IsClosed())
		late.Wait()
		assert.True(t, f.IsClosed())
	})
}

// State, transitions, refusals and retries show in the metrics.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		require.Error(t, f.Retry(t.Context(), func(context.Context) error { return errDown }))
		require.ErrorIs(t, f.call(nil), breaker.ErrOpen)
		assert.Equal(t, map[string]int64{
			"breaker_state": 1, "breaker_transitions_total": 1, "breaker_refused_calls_total": 2, "breaker_retries_total": 2,
		}, f.values(t))
	})
}

// values returns the values of all instruments.
func (f *fixture) values(t *testing.T) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, f.reader.Collect(t.Context(), &all))
	values := map[string]int64{}
	for _, one := range all.ScopeMetrics[0].Metrics {
		switch data := one.Data.(type) {
		case metricdata.Sum[int64]:
			values[one.Name] = data.DataPoints[0].Value
		case metricdata.Gauge[int64]:
			values[one.Name] = data.DataPoints[0].Value
		}
	}
	return values
}

// All problems of a configuration are named at once; what concerns retries only
// counts when there are any.
func TestConfigIsChecked(t *testing.T) {
	_, err := breaker.New(breaker.Config{Jitter: -1, Retries: 1, MaxBackoff: -1}, breaker.Deps{Name: "x"})
	for _, name := range []string{"FAILURES", "SUCCESSES", "DELAY", "JITTER", "BACKOFF must be", "MAX_BACKOFF"} {
		assert.ErrorContains(t, err, name)
	}
	assert.NoError(t, breaker.Config{Failures: 1, Successes: 1, Delay: 1}.Validate())
}
