package breaker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// untilNews is the wait for something that is announced.
const untilNews = time.Hour

// Await returns nil when Do would make a call: for a consumer that pauses while
// its dependency fails, and then is the one to try. Several that wait may return
// at once; those that Do refuses then wait again. Its error is that of ctx.
func (b *Breaker) Await(ctx context.Context) error {
	for {
		news := b.trials.news()
		remaining := b.circuit.RemainingDelay()
		switch b.circuit.State() {
		case circuitbreaker.ClosedState:
			return nil
		case circuitbreaker.HalfOpenState:
			if !b.trials.areAllTaken() {
				return nil
			}
			remaining = untilNews
		default:
			if remaining == 0 {
				return nil
			}
		}
		timer := time.NewTimer(remaining)
		select {
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the breaker of %s: %w", b.deps.Name, ctx.Err())
		}
	}
}

// trials counts the calls by which a half-open breaker finds out, and wakes those
// that wait for it.
type trials struct {
	most uint

	mu       sync.Mutex
	underWay uint
	changed  chan struct{}
}

func newTrials(most uint) trials { return trials{most: most, changed: make(chan struct{})} }

func (t *trials) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.underWay++
}

func (t *trials) end() {
	t.mu.Lock()
	t.underWay--
	t.mu.Unlock()
	t.wake()
}

func (t *trials) areAllTaken() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.underWay >= t.most
}

// news is closed at the next change of anything.
func (t *trials) news() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

func (t *trials) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.changed)
	t.changed = make(chan struct{})
}
