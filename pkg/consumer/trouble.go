package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff = 100 * time.Millisecond
	// lastBackoff bounds how long a recovery goes unnoticed. Attempts are cheap: a
	// breaker stands before what is worth sparing.
	lastBackoff = time.Second
)

// trouble is what holds up one part of a consumer. It is told once when it
// begins and once when it is over. One goroutine uses it.
type trouble struct {
	part   string
	log    *slog.Logger
	health Health
	// paused counts the beginnings by reason.
	paused func(ctx context.Context, reason string)
	// gate is closed while there is trouble; nil if nothing is to be held back.
	gate *gate

	attempts int
	since    time.Time
}

// note takes note of a failure.
func (t *trouble) note(ctx context.Context, reason string, err error) {
	if t.attempts == 0 {
		t.gate.close()
		t.since = time.Now()
		t.paused(ctx, reason)
		t.log.Warn("paused", "part", t.part, "reason", reason, "error", err)
	}
	t.health.Degraded(t.part, fmt.Sprintf("%s: %v", reason, err))
	t.attempts++
}

// wait takes note of a failure and pauses, longer each time, until it is worth
// trying again. It returns false when ctx ends first.
func (t *trouble) wait(ctx context.Context, reason string, err error) bool {
	t.note(ctx, reason, err)
	pause := min(firstBackoff<<min(t.attempts-1, 10), lastBackoff)
	return sleep(ctx, pause/2+rand.N(pause/2)) //nolint:gosec // spreads retries, guards nothing
}

// over says that the part works again, if it did not.
func (t *trouble) over() {
	if t.attempts == 0 {
		return
	}
	t.forget()
	t.log.Info("resumed", "part", t.part, "after", time.Since(t.since).Round(time.Millisecond))
}

// forget takes the part's report back because nobody works on it any more.
func (t *trouble) forget() {
	if t.attempts > 0 {
		t.attempts = 0
		t.gate.open()
		t.health.Healthy(t.part)
	}
}

// lasting returns how long there has been trouble.
func (t *trouble) lasting() time.Duration {
	if t.attempts == 0 {
		return 0
	}
	return time.Since(t.since)
}

// sleep waits for d and returns whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
