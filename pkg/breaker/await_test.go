package breaker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/breaker"
)

// One that awaits an open breaker goes on when its delay is over, and not before.
func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		require.NoError(t, f.Await(t.Context()), "closed")
		assert.Zero(t, f.RemainingDelay())
		f.open(t)
		<-time.After(400 * time.Millisecond)
		assert.Equal(t, 600*time.Millisecond, f.RemainingDelay())
		started := time.Now()
		require.NoError(t, f.Await(t.Context()))
		assert.Equal(t, 600*time.Millisecond, time.Since(started))
		require.NoError(t, f.call(nil))
		require.NoError(t, f.Await(t.Context()), "a second trial is due")
	})
}

// Its wait ends with its context, whatever the breaker waits for.
func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(cfg *breaker.Config) { cfg.Successes = 1 })
		f.open(t)
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		err := f.Await(short)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "waiting for the breaker of ClickHouse")

		<-time.After(time.Second)
		release := make(chan struct{})
		go func() { _ = f.Do(t.Context(), func(context.Context) error { <-release; return nil }) }()
		synctest.Wait()
		ended, end := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer end()
		require.ErrorIs(t, f.Await(ended), context.DeadlineExceeded, "the trial of another is under way")
		close(release)
		require.NoError(t, f.Await(t.Context()))
	})
}

// Many consumers pause while their dependency is away: few calls are made, none of
// them waits longer than needed once it is back, whatever becomes of trials.
func TestConsumersPauseAndProbe(t *testing.T) {
	for _, successes := range []uint{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(cfg *breaker.Config) { cfg.Successes = successes })
			back := time.Now().Add(10*time.Second + 300*time.Millisecond)
			var calls atomic.Int64
			var consumers sync.WaitGroup
			for range 20 {
				consumers.Go(func() {
					for {
						assert.NoError(t, f.Await(t.Context()))
						err := f.Do(t.Context(), func(context.Context) error {
							calls.Add(1)
							<-time.After(50 * time.Millisecond)
							if time.Now().Before(back) {
								return errDown
							}
							return nil
						})
						if err == nil {
							return
						}
						assert.True(t, errors.Is(err, errDown) || errors.Is(err, breaker.ErrOpen))
					}
				})
			}
			consumers.Wait()
			assert.True(t, f.IsClosed())
			assert.WithinDuration(t, back, time.Now(), 1500*time.Millisecond)
			assert.LessOrEqual(t, calls.Load(), int64(20+10*successes+20+successes))
		})
	}
}
