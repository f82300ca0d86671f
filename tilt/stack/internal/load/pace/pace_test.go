package pace_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

// Arrivals are due in order, at the rate, after a ramp that has half of it or, in
// steps, the sum of the steps.
func TestSchedule(t *testing.T) {
	const rate = 200
	for name, test := range map[string]struct {
		ramp pace.Ramp
		want map[time.Duration]int // arrivals before a time
	}{
		"no ramp":      {pace.Ramp{}, map[time.Duration]int{0: 0, time.Second: 200, 10 * time.Second: 2000}},
		"even ramp":    {pace.Ramp{Over: 4 * time.Second}, map[time.Duration]int{2 * time.Second: 100, 4 * time.Second: 400, 5 * time.Second: 600}},
		"ramp of four": {pace.Ramp{Over: 4 * time.Second, Steps: 4}, map[time.Duration]int{time.Second: 50, 2 * time.Second: 150, 4 * time.Second: 500, 5 * time.Second: 700}},
		"one step":     {pace.Ramp{Over: time.Second, Steps: 1}, map[time.Duration]int{time.Second: 200}},
	} {
		t.Run(name, func(t *testing.T) {
			s := pace.Schedule{PerSecond: rate, Ramp: test.ramp}
			for end, want := range test.want {
				assert.InDelta(t, want, s.Before(end), 1, end)
			}
			require.Zero(t, s.At(0))
			for n := range 1999 {
				require.Less(t, s.At(n), s.At(n+1))
				if s.At(n) >= test.ramp.Over {
					require.InDelta(t, 5*time.Millisecond, s.At(n+1)-s.At(n), float64(time.Microsecond))
				}
			}
		})
	}
}

// What a ramp prints is read as the same ramp, and anything else is refused with
// what would do.
func TestRamp(t *testing.T) {
	for _, text := range []string{"0s", "30s", "1m0s/5"} {
		var r pace.Ramp
		require.NoError(t, r.Set(text))
		assert.Equal(t, text, r.String())
	}
	for _, text := range []string{"", "fast", "-1s", "30s/", "30s/0", "30s/x", "/3"} {
		var r pace.Ramp
		assert.ErrorContains(t, r.Set(text), "30s/5", text)
	}
}

// A pause takes its time, or ends with its context.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, pace.Pause(t.Context(), time.Hour))
		assert.Equal(t, time.Hour, time.Since(start))
		require.NoError(t, pace.Pause(t.Context(), -time.Second))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, pace.Pause(ctx, time.Minute), context.DeadlineExceeded)
		require.ErrorIs(t, pace.Pause(ctx, 0), context.DeadlineExceeded)
	})
}
