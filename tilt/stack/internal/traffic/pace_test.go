package traffic

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The configured rate is kept whatever the sizes of the portions.
func TestPacerKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pacer{perSecond: 50}
		start := time.Now()
		for range 10 {
			require.NoError(t, p.wait(t.Context(), 20))
			require.NoError(t, p.wait(t.Context(), 5))
		}
		assert.InDelta(t, 5, time.Since(start).Seconds(), 0.5)
	})
}

// A long standstill is not caught up in one burst: at most a second of it is.
func TestPacerForgetsAStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pacer{perSecond: 10}
		require.NoError(t, p.wait(t.Context(), 1))
		<-time.After(time.Hour)
		start := time.Now()
		for range 31 {
			require.NoError(t, p.wait(t.Context(), 1))
		}
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

// The end of the context ends a wait.
func TestPacerEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pacer{perSecond: 1}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, p.wait(ctx, 60))
		require.ErrorIs(t, p.wait(ctx, 1), context.DeadlineExceeded)
	})
}

// Repetitions come slower and slower, up to a bound, and fast again after a
// success.
func TestBackoff(t *testing.T) {
	var b backoff
	var total time.Duration
	for range 6 {
		total += b.delay()
	}
	assert.Equal(t, 5100*time.Millisecond, total)
	assert.Equal(t, 2*time.Second, b.delay())
	b.reset()
	assert.Equal(t, 100*time.Millisecond, b.delay())
}
