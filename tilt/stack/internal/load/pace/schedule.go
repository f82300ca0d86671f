package pace

import (
	"context"
	"math"
	"sort"
	"time"
)

// Schedule is a rate that is reached by a ramp and then holds.
type Schedule struct {
	// PerSecond is the rate behind the ramp, above 0.
	PerSecond float64
	Ramp      Ramp
}

// At returns when an arrival is due, reckoned from the start; the first is number
// 0 and due at once.
func (s Schedule) At(n int) time.Duration {
	left := float64(n)
	if s.Ramp.Steps == 0 {
		// During the ramp, PerSecond·t²/2·Ramp have arrived at the time t.
		if ramp := s.Ramp.Over.Seconds(); left < s.PerSecond*ramp/2 {
			return seconds(math.Sqrt(2 * ramp * left / s.PerSecond))
		}
		return s.Ramp.Over/2 + seconds(left/s.PerSecond)
	}
	step := s.Ramp.Over.Seconds() / float64(s.Ramp.Steps)
	for i := range s.Ramp.Steps {
		rate := s.PerSecond * float64(i+1) / float64(s.Ramp.Steps)
		if left < rate*step {
			return seconds(float64(i)*step + left/rate)
		}
		left -= rate * step
	}
	return s.Ramp.Over + seconds(left/s.PerSecond)
}

// Before returns how many arrivals are due before a time reckoned from the start.
func (s Schedule) Before(end time.Duration) int {
	most := int(s.PerSecond*end.Seconds()) + 2
	return sort.Search(most, func(n int) bool { return s.At(n) >= end })
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

// Pause waits for d, or for the end of ctx, which is its error.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
