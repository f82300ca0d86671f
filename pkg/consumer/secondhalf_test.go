package consumer

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
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

// endless is a partition whose records never end.
type endless struct{}

func (endless) fetch(ctx context.Context, at int64) (chunk, int64, error) {
	if !sleep(ctx, time.Millisecond) {
		return chunk{}, 0, ctx.Err()
	}
	return chunk{records: make([]Record, 10), next: at + 10}, at + 10, nil
}

// willing takes every record.
type willing struct{}

func (willing) Handle(context.Context, []Record) error { return nil }

// A commit behind the handling that is not answered ends the lane, also while it
// waits for room: the member has to be replaced.
func TestUnansweredCommitEndsTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := newMetrics(noop.Meter{}, "group")
		require.NoError(t, err)
		quiet := func() *trouble {
			return &trouble{log: slog.New(slog.DiscardHandler), health: noHealth{}, paused: func(context.Context, string) {}}
		}
		l := &lane{
			topic: "topic", limits: limits{rows: 5, bytes: 1 << 20, age: time.Millisecond}, budget: newBudget(1<<20, 1),
			metrics: m, chunks: make(chan chunk), batches: make(chan *batch), spare: make(chan *batch, 2),
			from: []position{{}},
		}
		h := &handling{
			lane: l, handler: willing{}, trouble: quiet(), watch: &watch{},
			second: newSecondHalf(func(context.Context) error { return nil }, 5, quiet()),
			commit: func(ctx context.Context, _ map[int]int64) error {
				_ = sleep(ctx, 10*time.Second)
				return errUnanswered
			},
		}
		h.second.settle = h.settle
		l.worker = h
		l.sources = []*source{{
			fetcher: endless{}, progress: &progress{}, budget: l.budget, out: l.chunks, log: slog.New(slog.DiscardHandler), metrics: m, trouble: quiet(),
		}}
		ended := make(chan error, 1)
		go func() { ended <- l.run(lifetime{fetching: t.Context(), revoked: t.Context(), working: t.Context()}) }()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, errUnanswered)
		case <-time.After(time.Minute):
			t.Fatal("the lane goes on")
		}
	})
}
