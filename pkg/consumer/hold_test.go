package consumer

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/consumer/protocol"
)

func quietTrouble(g *gate) *trouble {
	return &trouble{log: slog.New(slog.DiscardHandler), health: noHealth{}, paused: func(context.Context, string) {}, gate: g}
}

// silent is a log that ends before what is asked for.
type silent struct{}

func (silent) fetch(_ context.Context, at int64) (chunk, int64, error) {
	<-time.After(500 * time.Millisecond)
	return chunk{next: at}, at, nil
}

// beyond is a plan that the log of silent does not hold.
func beyond() protocol.Batch {
	return protocol.Batch{Topic: "t", Ranges: []protocol.Range{{Partition: 3, First: 5, Last: 9}}, TimeMS: 1}
}

func newReplayer(t *testing.T, from fetcher, onLoss OnDataLoss) *replayer {
	t.Helper()
	m, err := newMetrics(noop.Meter{}, "group")
	require.NoError(t, err)
	return &replayer{topic: "t", fetcher: func(int) fetcher { return from }, onLoss: onLoss, log: slog.New(slog.DiscardHandler), metrics: m}
}

// A plan beyond the end of the log is unreadable, but not at once, whatever was in
// the way before: a new leader may come to know of its last records. An operator may
// have it skipped.
func TestPlanBeyondTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trouble := quietTrouble(nil)
		trouble.note(t.Context(), "replay", errors.New("a broker was away"))
		<-time.After(time.Minute)
		began := time.Now()
		_, fail := newReplayer(t, silent{}, Halt).read(t.Context(), beyond(), trouble)
		require.NotNil(t, fail)
		assert.False(t, fail.isAnew)
		assert.Contains(t, fail.detail, "5 is planned and the log ends at 5")
		assert.Greater(t, time.Since(began), shortLogPatience)

		b, fail := newReplayer(t, silent{}, Skip).read(t.Context(), beyond(), trouble)
		require.Nil(t, fail)
		assert.Empty(t, b.records)
		assert.Equal(t, map[int]int64{3: 10}, b.next)
	})
}

// garbled is a log that cannot be read twice, and then can.
type garbled struct{ reads *int }

func (g garbled) fetch(context.Context, int64) (chunk, int64, error) {
	if *g.reads++; *g.reads < 3 {
		panic("garbled")
	}
	return chunk{partition: 3, next: 10, records: []Record{{Partition: 3, Offset: 7, Time: time.UnixMilli(1)}}}, 10, nil
}

// Data that cannot be read holds a replay up, and does not end the process.
func TestReplayOfGarbledData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, fail := newReplayer(t, garbled{new(int)}, Halt).read(t.Context(), beyond(), quietTrouble(nil))
		require.Nil(t, fail)
		assert.Len(t, b.records, 1)
	})
}

// Nothing is fetched while any part of a lane is held up.
func TestTroubleClosesTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		one, other := quietTrouble(g), quietTrouble(g)
		isThrough := func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return g.await(ctx)
		}
		assert.True(t, isThrough())
		for range 3 {
			one.wait(t.Context(), "store", errors.New("away"))
		}
		other.note(t.Context(), "prepare", errors.New("away"))
		assert.False(t, isThrough())
		assert.Positive(t, one.lasting())
		one.over()
		assert.Zero(t, one.lasting())
		assert.False(t, isThrough())
		waited := make(chan bool, 1)
		go func() { waited <- g.await(t.Context()) }()
		synctest.Wait()
		other.forget()
		other.forget()
		assert.True(t, <-waited)
	})
}

// A call that does not return is shown, and no longer once it has.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		health := &shownHealth{}
		w := &watch{part: "lane"}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			(&watchdog{watches: []*watch{w}, after: time.Minute, log: slog.New(slog.DiscardHandler), health: health}).run(ctx)
		}()
		release := make(chan struct{})
		go func() { _ = w.protect("Store", func() error { <-release; return nil }) }()
		<-time.After(50 * time.Second)
		synctest.Wait()
		assert.Empty(t, health.shown())
		<-time.After(30 * time.Second)
		synctest.Wait()
		assert.Equal(t, "lane watchdog: Store has not returned for 1m18s", health.shown())
		close(release)
		<-time.After(10 * time.Second)
		synctest.Wait()
		assert.Empty(t, health.shown())
		cancel()
		<-ended
	})
}

// shownHealth is what one part says.
type shownHealth struct{ said atomic.Value }

func (h *shownHealth) Degraded(part, reason string) { h.said.Store(part + ": " + reason) }
func (h *shownHealth) Healthy(string)               { h.said.Store("") }

func (h *shownHealth) shown() string {
	said, _ := h.said.Load().(string)
	return said
}

// A panic of the service's is an error of its call.
func TestPanicIsAnError(t *testing.T) {
	err := (&watch{}).protect("Store", func() error { panic("a bug") })
	require.ErrorContains(t, err, "panic in Store: a bug")
}

// The budget holds back those who hold most, and never one that holds nothing.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100, 4)
		idle, small, greedy := &progress{}, &progress{}, &progress{}
		mayFetch := func(p *progress) bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return b.await(ctx, p)
		}
		b.take(greedy, 80)
		assert.True(t, mayFetch(greedy), "nobody else wants it")
		b.take(small, 20)
		assert.False(t, mayFetch(greedy))
		assert.False(t, mayFetch(small))
		assert.True(t, mayFetch(idle))
		assert.Equal(t, 100, b.inUse())

		order := make(chan string, 2)
		go func() { b.await(t.Context(), small); b.take(small, 10); order <- "small" }()
		synctest.Wait()
		go func() { b.await(t.Context(), greedy); order <- "greedy" }()
		synctest.Wait()
		b.give(greedy, 10)
		assert.Equal(t, "small", <-order)
		synctest.Wait()
		assert.Empty(t, order, "the budget is used up again")
		b.give(greedy, 10)
		assert.Equal(t, "greedy", <-order)
		assert.Equal(t, 25, b.fetchBytes(25))
		assert.Equal(t, leastFetch, newBudget(100, 4).fetchBytes(1<<20))
		assert.Equal(t, 1<<20, newBudget(64<<20, 4).fetchBytes(1<<20))
	})
}

// A member leaves when others move on while it is held up, and not when nobody
// does, or when it is not.
func TestLoner(t *testing.T) {
	for name, c := range map[string]struct {
		heldUp time.Duration
		moves  int64
		want   bool
	}{
		"alone":           {time.Hour, 1, true},
		"with the others": {time.Hour, 0, false},
		"for a moment":    {time.Second, 1, false},
		"well":            {0, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var sum int64
				l := &loner{after: time.Minute, heldUp: func() (string, time.Duration) { return "t", c.heldUp }, others: func(_ context.Context, topic string) (int64, error) {
					assert.Equal(t, "t", topic)
					sum += c.moves
					return sum, nil
				}}
				assert.Equal(t, c.want, l.await(ctx))
			})
		})
	}
}
