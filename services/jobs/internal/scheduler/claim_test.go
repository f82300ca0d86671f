package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

// claims is Redis as far as claims go.
type claims struct {
	mu    sync.Mutex
	value map[string]string
	ttl   map[string]time.Duration
	ends  map[string]time.Time
	fail  error
}

func newClaims() *claims {
	return &claims{value: map[string]string{}, ttl: map[string]time.Duration{}, ends: map[string]time.Time{}}
}

func (c *claims) Claim(ctx context.Context, key, holder string, ttl time.Duration) (string, error) {
	return c.Replace(ctx, key, holder, holder, ttl)
}

func (c *claims) Replace(_ context.Context, key, holder, value string, ttl time.Duration) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return "", c.fail
	}
	c.expire()
	if current := c.value[key]; current != "" && current != holder {
		return current, nil
	}
	c.value[key], c.ttl[key], c.ends[key] = value, ttl, time.Now().Add(ttl)
	return value, nil
}

func (c *claims) Release(_ context.Context, key, holder string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail == nil && c.value[key] == holder {
		delete(c.value, key)
	}
	return c.fail
}

func (c *claims) expire() {
	for key, ends := range c.ends {
		if !time.Now().Before(ends) {
			delete(c.value, key)
		}
	}
}

// failWith makes claims fail, or work again.
func (c *claims) failWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

// keys are the ticks claimed, without their prefix and with def for the run at a
// definition.
func (c *claims) keys() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	var keys []string
	for key := range c.value {
		key = strings.TrimPrefix(key, "nova:job:")
		if name, _, isFirst := strings.Cut(key, ":def-"); isFirst {
			key = name + ":def"
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// A run whose owner dies in it is made up for by the next owner once the claim is
// over, long before the next tick: that at a definition, and one of a tick.
func TestRunOfADeadOwnerIsMadeUpFor(t *testing.T) {
	for name, before := range map[string]time.Duration{"at the definition": 0, "at a tick": 3*time.Hour + 3*time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := newClaims()
				a := newReplica(t, options{claims: shared})
				if before == 0 {
					a.kind.blocks()
				}
				a.assign(row{name: "a", schedule: "@hourly"})
				if before > 0 {
					pass(time.Hour)
					a.kind.blocks()
					pass(before - time.Hour)
				}
				runs := len(a.kind.ran())
				assert.Equal(t, 1, a.kind.running)
				a.die()

				b := newReplica(t, options{claims: shared})
				b.assign(row{name: "a", schedule: "@hourly"})
				assert.Empty(t, b.kind.ran(), "its owner may be alive")
				assert.Equal(t, scheduler.Skipped, b.job("a").LastRun.Outcome)
				pass(35 * time.Second)
				assert.Len(t, b.kind.ran(), 1)
				assert.Equal(t, scheduler.OK, b.job("a").LastRun.Outcome)
				pass(50 * time.Minute)
				assert.Len(t, b.kind.ran(), 1)
				assert.Len(t, a.kind.ran(), runs)
			})
		})
	}
}

// A run whose owner dies between two tries is made up for too, and so is one that
// a replica meets at a scheduled tick.
func TestTickOfADeadOwnerIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newClaims()
		a, b := newReplica(t, options{claims: shared}), newReplica(t, options{claims: shared})
		a.assign(row{name: "a", schedule: "@hourly"})
		b.assign(row{name: "a", schedule: "@hourly"})
		assert.Len(t, append(a.kind.ran(), b.kind.ran()...), 1)
		fail := func(context.Context, string) (int, error) { return 0, errors.New("ClickHouse is away") }
		a.kind.does(fail)
		b.kind.does(fail)
		pass(time.Hour + 5*time.Second)
		dead, alive := a, b
		if b.job("a").LastRun.Outcome == scheduler.Failed {
			dead, alive = b, a
		}
		assert.Equal(t, scheduler.Skipped, alive.job("a").LastRun.Outcome)
		dead.die()
		alive.kind.does(nil)
		pass(35 * time.Second)
		assert.Equal(t, scheduler.OK, alive.job("a").LastRun.Outcome)
		assert.Equal(t, "946688400", alive.job("a").LastRun.Tick)
	})
}

// A tick that a live owner is at, however long and often it tries, is left to it;
// and nobody waits for it any longer when the next is due.
func TestTickOfALiveOwnerIsLeftToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newClaims()
		a, b := newReplica(t, options{claims: shared}), newReplica(t, options{claims: shared})
		a.kind.blocks()
		a.assign(row{name: "a", schedule: "@hourly"})
		b.assign(row{name: "a", schedule: "@hourly"})
		pass(30 * time.Minute)
		assert.Greater(t, len(a.kind.ran()), 100, "each takes five seconds, and is tried again after ten")
		assert.Empty(t, b.kind.ran())
		assert.Equal(t, map[string]int64{"skipped": 1}, b.counts.runs, "however often it looks")
		a.kind.does(nil)
		pass(20 * time.Second)
		runs := len(a.kind.ran())
		assert.Equal(t, scheduler.OK, a.job("a").LastRun.Outcome)
		pass(time.Minute)
		assert.Len(t, a.kind.ran(), runs)
		assert.Empty(t, b.kind.ran())
		pass(time.Hour)
		assert.Len(t, append(a.kind.ran(), b.kind.ran()...), runs+1)
	})
}

// A run that was done counts as done when Redis could not be told; then it may
// be done again by the next owner.
func TestMarkThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.kind.does(func(context.Context, string) (int, error) {
			r.claims.failWith(errors.New("Redis is away"))
			return 7, nil
		})
		r.assign(row{name: "a", schedule: "@hourly"})
		assert.Equal(t, scheduler.OK, r.job("a").LastRun.Outcome)
		r.claims.failWith(nil)
		pass(time.Minute)
		assert.Len(t, r.kind.ran(), 1)
		r.Revoked()
		r.assign(row{name: "a", schedule: "@hourly"})
		assert.Len(t, r.kind.ran(), 2)
	})
}
