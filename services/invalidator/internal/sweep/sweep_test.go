package sweep_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/services/invalidator/internal/sweep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cache is a Cache whose sweeps take a while; it notes when they begin and for
// which of the users 0 to 9.
type cache struct {
	takes time.Duration

	mu     sync.Mutex
	err    error
	began  []time.Duration // since the start of the test
	swept  [][]byte
	start  time.Time
	active int
}

func (c *cache) Sweep(ctx context.Context, isPending func(uuid.UUID) bool) (int, error) {
	c.mu.Lock()
	c.active++
	overlap := c.active > 1
	c.began = append(c.began, time.Since(c.start))
	var pending []byte
	for n := range byte(10) {
		if isPending(user(n)) {
			pending = append(pending, n)
		}
	}
	c.swept = append(c.swept, pending)
	err := c.err
	c.mu.Unlock()
	if overlap {
		return 0, errors.New("two sweeps at a time")
	}
	select {
	case <-time.After(c.takes):
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	return len(pending), err
}

func (c *cache) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func user(n byte) uuid.UUID { return uuid.UUID{15: n, 0: 1} }

func users(numbers ...byte) map[uuid.UUID]struct{} {
	set := map[uuid.UUID]struct{}{}
	for _, n := range numbers {
		set[user(n)] = struct{}{}
	}
	return set
}

// world is a running Sweeper.
type world struct {
	*sweep.Sweeper
	cache   *cache
	removed int
	stop    func()
}

// start runs a Sweeper whose sweeps take a while; it is for a bubble of time.
func start(t *testing.T, takes time.Duration) *world {
	t.Helper()
	w := &world{cache: &cache{takes: takes, start: time.Now()}}
	var err error
	w.Sweeper, err = sweep.New(sweep.Config{Enabled: true, Interval: 100 * time.Millisecond}, sweep.Deps{
		Cache: w.cache, Removed: func(_ context.Context, pages int) { w.removed += pages }, Meter: noop.Meter{},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	t.Cleanup(w.stop)
	return w
}

// later calls Sweep after a while and yields its error.
func (w *world) later(t *testing.T, after time.Duration, users map[uuid.UUID]struct{}) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		<-time.After(after)
		result <- w.Sweep(t.Context(), users)
	}()
	return result
}

const ms = time.Millisecond

// Whoever comes while a sweep runs has pages that it may have passed already, and
// waits for the next one, with all others who wait then.
func TestWaitsForASweepThatBeganLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 10*ms)
		first := w.later(t, 0, users(1, 2))
		second := w.later(t, 5*ms, users(3))
		third := w.later(t, 50*ms, users(1, 4))
		require.NoError(t, <-first)
		assert.Equal(t, 10*ms, time.Since(w.cache.start))
		require.NoError(t, <-second)
		require.NoError(t, <-third)
		assert.Equal(t, 120*ms, time.Since(w.cache.start))
		assert.Equal(t, [][]byte{{1, 2}, {1, 3, 4}}, w.cache.swept)
		assert.Equal(t, []time.Duration{0, 110 * ms}, w.cache.began)
		assert.Equal(t, 5, w.removed)
	})
}

// Sweeps of a large Redis take at most a fifth of the time, however many wait.
func TestSweepsTakeAFifthOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, time.Second)
		for range 5 {
			require.NoError(t, w.Sweep(t.Context(), users(1)))
		}
		assert.Equal(t, []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second}, w.cache.began)
	})
}

// While nobody waits nothing is swept, and the first to come then waits for
// nothing but the sweep.
func TestNoSweepForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 10*ms)
		require.NoError(t, w.Sweep(t.Context(), users(1)))
		<-time.After(time.Hour)
		assert.Len(t, w.cache.swept, 1)
		again := time.Now()
		require.NoError(t, w.Sweep(t.Context(), users(2)))
		assert.Equal(t, 10*ms, time.Since(again))
		assert.Equal(t, [][]byte{{1}, {2}}, w.cache.swept)
	})
}

// A failed sweep is an error for everyone who waited for it, and for nobody else;
// the pause after it is bounded, since it may have waited for Redis most of the
// time.
func TestFailedSweep(t *testing.T) {
	away := errors.New("away")
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 2*time.Second)
		w.cache.fail(away)
		first := w.later(t, 0, users(1))
		second, third := w.later(t, 500*ms, users(2)), w.later(t, 600*ms, users(3))
		fourth := w.later(t, 8*time.Second, users(4))
		require.ErrorIs(t, <-first, away)
		require.ErrorIs(t, <-second, away)
		require.ErrorIs(t, <-third, away)
		w.cache.fail(nil)
		require.NoError(t, <-fourth)
		assert.Equal(t, [][]byte{{1}, {2, 3}, {4}}, w.cache.swept)
		assert.Equal(t, []time.Duration{0, 7 * time.Second, 14 * time.Second}, w.cache.began)
	})
}

// Nobody waits longer than he wants to, nor for a Sweeper that has ended, also
// in the middle of a sweep.
func TestWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.Sweep(ctx, users(1)), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(w.cache.start))

		waiting := w.later(t, 0, users(2))
		synctest.Wait()
		w.stop()
		require.ErrorContains(t, <-waiting, "ended")
		require.ErrorContains(t, w.Sweep(t.Context(), users(3)), "ended")
	})
}
