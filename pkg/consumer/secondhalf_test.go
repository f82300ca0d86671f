package consumer

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

type noHealth struct{}

func (noHealth) Degraded(string, string) {}
func (noHealth) Healthy(string)          {}

// half is a secondHalf at work, and what it has settled.
type half struct {
	*secondHalf

	life    lifetime
	drain   context.CancelFunc
	let     chan struct{} // an element lets a finish succeed
	settled []int64
	ended   chan struct{}
}

// newHalf runs a secondHalf with room for two records.
func newHalf(t *testing.T) *half {
	t.Helper()
	h := &half{let: make(chan struct{}), ended: make(chan struct{})}
	h.life.working, h.life.revoked = t.Context(), t.Context()
	h.life.fetching, h.drain = context.WithCancel(t.Context())
	h.secondHalf = newSecondHalf(func(ctx context.Context) error {
		select {
		case <-h.let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, 2, &trouble{log: slog.New(slog.DiscardHandler), health: noHealth{}, paused: func(context.Context, string) {}})
	h.settle = func(_ context.Context, next map[int]int64, _ int) error {
		h.settled = append(h.settled, next[0])
		return nil
	}
	go func() {
		defer close(h.ended)
		assert.NoError(t, h.run(h.life))
	}()
	return h
}

// handle adds a batch of one record.
func (h *half) handle(offset int64) {
	h.add(&batch{records: make([]Record, 1), next: map[int]int64{0: offset + 1}})
}

// A drain finishes and commits what is in hand, if that takes no longer than the
// grace; what takes longer is given up and committed by nobody.
func TestDrainFinishes(t *testing.T) {
	for name, test := range map[string]struct {
		takes time.Duration
		want  []int64
	}{
		"in time": {drainGrace - time.Millisecond, []int64{8}},
		"late":    {drainGrace + time.Millisecond, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHalf(t)
				h.handle(7)
				synctest.Wait()
				h.drain()
				h.close()
				<-time.After(test.takes)
				close(h.let)
				<-h.ended
				assert.Equal(t, test.want, h.settled)
			})
		})
	}
}

// A lane whose second half does not come along waits, and goes on when it does or
// when it is told to stop: what waits is bounded.
func TestLaneWaitsForItsSecondHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHalf(t)
		assert.True(t, h.await(h.life))
		h.handle(0)
		synctest.Wait()
		assert.True(t, h.await(h.life))
		h.handle(1)
		waited := make(chan bool)
		go func() { waited <- h.await(h.life) }()
		synctest.Wait()
		select {
		case <-waited:
			t.Fatal("no room was left")
		default:
		}
		h.let <- struct{}{}
		assert.True(t, <-waited)

		h.handle(2)
		go func() { waited <- h.await(h.life) }()
		synctest.Wait()
		h.drain()
		assert.False(t, <-waited)
		h.close()
		<-h.ended
		assert.Equal(t, []int64{1}, h.settled)
	})
}
