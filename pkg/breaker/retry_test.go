package breaker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/breaker"
)

// A query is repeated while the dependency is to blame and the breaker lets it,
// and then its own error is returned; what speaks against the query, or cannot be
// repeated, is returned at once.
func TestRetry(t *testing.T) {
	seen := breaker.Final(errDown)
	for name, test := range map[string]struct {
		failures uint // of the breaker
		answers  []error
		want     error
		calls    int
	}{
		"success":                  {9, []error{nil}, nil, 1},
		"passes":                   {9, []error{errDown, errDown, nil}, nil, 3},
		"does not pass":            {9, []error{errDown, errDown, errDown, nil}, errDown, 3},
		"wrong query":              {9, []error{errQuery, nil}, errQuery, 1},
		"wrong at second":          {9, []error{errDown, errQuery, nil}, errQuery, 2},
		"a part has been seen":     {9, []error{seen, nil}, errDown, 1},
		"breaker opens on the way": {2, []error{errDown, errDown, nil}, breaker.ErrOpen, 2},
		"breaker opens at the end": {3, []error{errDown, errDown, errDown, nil}, errDown, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, func(cfg *breaker.Config) { cfg.Failures = test.failures })
				calls := 0
				err := f.Retry(t.Context(), func(context.Context) error {
					calls++
					return test.answers[calls-1]
				})
				if test.want == nil {
					require.NoError(t, err)
				}
				require.ErrorIs(t, err, test.want)
				assert.Equal(t, test.calls, calls)
			})
		})
	}
	require.NoError(t, breaker.Final(nil))
	assert.Equal(t, errDown.Error(), seen.Error())
}

// Without retries a call is made once.
func TestNoRetries(t *testing.T) {
	f := newFixture(t, func(cfg *breaker.Config) { cfg.Retries = 0 })
	calls := 0
	require.ErrorIs(t, f.Retry(t.Context(), func(context.Context) error { calls++; return errDown }), errDown)
	assert.Equal(t, 1, calls)
}

// The pauses grow, up to their bound, and differ, so that replicas do not try all
// at once.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(cfg *breaker.Config) { cfg.Failures, cfg.Retries, cfg.MaxBackoff = 99, 4, 300*time.Millisecond })
		var at []time.Time
		require.Error(t, f.Retry(t.Context(), func(context.Context) error {
			at = append(at, time.Now())
			return errDown
		}))
		for i, pause := range []time.Duration{100, 200, 300, 300} {
			assert.InDelta(t, pause*time.Millisecond, at[i+1].Sub(at[i]), float64(pause*time.Millisecond/4+time.Microsecond))
		}
		assert.NotEqual(t, at[4].Sub(at[3]), at[3].Sub(at[2]))
	})
}

// A caller that gives up ends a pause at once, and gets what the last call did: a
// success stays one.
func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		started := time.Now()
		require.ErrorIs(t, f.Retry(ctx, func(context.Context) error { return errDown }), errDown)
		assert.Equal(t, 50*time.Millisecond, time.Since(started))

		ctx, cancel = context.WithCancel(t.Context())
		require.NoError(t, f.Retry(ctx, func(context.Context) error { cancel(); return nil }))
		gone := errors.New("gone")
		require.ErrorIs(t, f.Retry(ctx, func(context.Context) error { return gone }), gone)
	})
}

// A panic of the call is not swallowed, and does not keep the breaker open.
func TestRetryPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.open(t)
		for range 5 {
			<-time.After(time.Second)
			require.Panics(t, func() { _ = f.Retry(t.Context(), func(context.Context) error { panic("a bug") }) })
		}
		<-time.After(time.Second)
		require.NoError(t, f.Retry(t.Context(), func(context.Context) error { return nil }))
	})
}
