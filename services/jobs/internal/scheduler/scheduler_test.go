package scheduler_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

const everyMinute = "@every 1m"

// A job runs at once when its definition comes into force, then at times of the
// clock, each tick known to be done under its name until there is another.
func TestRunsAtOnceAndAtTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass(10 * time.Second)
		r := newReplica(t, options{})
		r.assign(row{name: "a", schedule: everyMinute})
		assert.Equal(t, []string{"a 00:10 fresh 2m5s"}, r.kind.ran())
		status := r.job("a")
		assert.Equal(t, scheduler.Scheduled, status.State)
		assert.Equal(t, "2000-01-01 00:01:00", status.NextRun.Format(time.DateTime))
		require.NotNil(t, status.LastRun)
		assert.Regexp(t, "^def-[0-9a-f]{8}$", status.LastRun.Tick)
		assert.Equal(t, 7, status.LastRun.Rows)

		pass(2 * time.Minute)
		require.Len(t, r.kind.ran(), 3)
		assert.Regexp(t, `^a 01:0[01] `, r.kind.ran()[1])
		assert.Regexp(t, `^a 02:0[01] `, r.kind.ran()[2])
		assert.Equal(t, []string{"a:946684860", "a:946684920", "a:def"}, r.claims.keys())
		for key, ttl := range r.claims.ttl {
			want := 2 * time.Minute
			if strings.Contains(key, "def-") {
				want = 24 * time.Hour
			}
			assert.Equal(t, want, ttl, key)
			assert.Regexp(t, `^done:946684[89]\d\d:`, r.claims.value[key])
		}
	})
}

// History that is read again does not come to life: nothing runs before the end
// of it, and then what is in force, once.
func TestNothingRunsBeforeItHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.Assigned(map[string]consumer.Share{"cdc.job_definitions": {Partitions: []int{0}, Of: 1}})
		r.define(row{name: "a", schedule: "@every 1s", version: "1"}, row{name: "gone", schedule: "@every 1s"})
		pass(time.Minute)
		assert.Equal(t, scheduler.Waiting, r.job("a").State)
		r.define(row{name: "a", schedule: everyMinute, version: "2"})
		r.remove("gone")
		r.CaughtUp()
		synctest.Wait()
		assert.Len(t, r.kind.ran(), 1)
		assert.Equal(t, []string{"a"}, r.names())
		assert.NotContains(t, r.log.text.String(), "gone")
	})
}

// Jobs wait until they may run, and say so.
func TestWaitsForReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{isWaiting: true})
		r.assign(row{name: "a", schedule: everyMinute})
		pass(time.Hour)
		assert.Empty(t, r.kind.ran())
		assert.Equal(t, scheduler.Waiting, r.job("a").State)
		assert.Contains(t, r.job("a").Reason, "schema")
		close(r.ready)
		synctest.Wait()
		assert.Len(t, r.kind.ran(), 1)
	})
}

// A tick that another replica has claimed is left to it.
func TestLostClaimsAreSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass(10 * time.Second)
		shared := newClaims()
		a, b := newReplica(t, options{claims: shared}), newReplica(t, options{claims: shared})
		a.assign(row{name: "a", schedule: everyMinute})
		b.assign(row{name: "a", schedule: everyMinute})
		for n := range 5 {
			assert.Len(t, append(a.kind.ran(), b.kind.ran()...), n+1)
			pass(time.Minute) // ten seconds after a tick
		}
		last := []scheduler.Outcome{a.job("a").LastRun.Outcome, b.job("a").LastRun.Outcome}
		assert.ElementsMatch(t, []scheduler.Outcome{scheduler.OK, scheduler.Skipped}, last)
	})
}

// A tick that came while nobody had the job is made up for by the next owner,
// and one that somebody has run is not.
func TestMissedTickIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newClaims()
		a := newReplica(t, options{claims: shared})
		a.assign(row{name: "a", schedule: "0 * * * *"})
		a.Revoked()
		pass(61 * time.Minute)
		b := newReplica(t, options{claims: shared})
		b.assign(row{name: "a", schedule: "0 * * * *"})
		assert.Equal(t, []string{"a:946688400", "a:def"}, shared.keys())
		assert.Len(t, b.kind.ran(), 1)
		b.Revoked()
		a.assign(row{name: "a", schedule: "0 * * * *"})
		assert.Len(t, a.kind.ran(), 1, "of the definition, an hour ago")
	})
}

// A run that fails is tried again, more slowly each time, until it works or the
// next tick is due; the log tells of it now and then, and of the end.
func TestFailedRunIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		var works atomic.Bool
		r.kind.do = func(context.Context, string) (int, error) {
			if !works.Load() {
				return 0, errors.New("ClickHouse is away")
			}
			return 1, nil
		}
		r.assign(row{name: "a", schedule: everyMinute})
		pass(59 * time.Second)
		assert.Equal(t, []string{"00:00", "00:01", "00:03", "00:07", "00:15", "00:25", "00:35", "00:45", "00:55"}, times(r.kind.ran()))
		assert.Equal(t, scheduler.Failed, r.job("a").LastRun.Outcome)
		assert.Equal(t, "ClickHouse is away", r.job("a").LastRun.Error)
		works.Store(true)
		pass(4 * time.Second)
		assert.Equal(t, scheduler.OK, r.job("a").LastRun.Outcome)
		assert.Len(t, r.claims.keys(), 2, "a tick keeps its claim while it is tried")
		assert.Equal(t, 1, strings.Count(r.log.text.String(), "job failed"))
		assert.Equal(t, 1, strings.Count(r.log.text.String(), "job works again"))
	})
}

// times are those of runs.
func times(runs []string) []string {
	found := make([]string, len(runs))
	for i, run := range runs {
		found[i] = strings.Fields(run)[1]
	}
	return found
}

// Redis that does not answer holds a tick up, and does not lose it.
func TestClaimsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.claims.failWith(errors.New("Redis is away"))
		r.assign(row{name: "a", schedule: everyMinute})
		assert.Equal(t, "Redis is away", r.job("a").LastRun.Error)
		r.claims.failWith(nil)
		pass(10 * time.Second)
		assert.Len(t, r.kind.ran(), 1)
	})
}

// A job that takes longer than its interval misses ticks and never overlaps
// itself; a run ends with its time; and a panic is an error of that run alone.
func TestRunsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.kind.do = func(ctx context.Context, name string) (int, error) {
			if name == "panics" {
				panic("of a task")
			}
			<-ctx.Done()
			return 0, ctx.Err()
		}
		r.assign(row{name: "slow", schedule: "@every 1s"})
		pass(59 * time.Second)
		assert.Equal(t, 1, r.kind.most)
		assert.Len(t, r.kind.ran(), 10, "each takes five seconds, and the next begins with the next tick")
		assert.Equal(t, "not done within JOB_TIMEOUT (5s): context deadline exceeded", r.job("slow").LastRun.Error)
		r.define(row{name: "panics", schedule: "@every 1h"})
		assert.Equal(t, "panic: of a task", r.job("panics").LastRun.Error)
		assert.Contains(t, r.log.text.String(), "runner.go")
	})
}

// No more jobs run at a time than are allowed, and all of them do.
func TestConcurrencyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.kind.do = func(ctx context.Context, _ string) (int, error) {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			return 0, nil
		}
		r.assign(row{name: "a", schedule: "@hourly"}, row{name: "b", schedule: "@hourly"}, row{name: "c", schedule: "@hourly"},
			row{name: "d", schedule: "@hourly"}, row{name: "e", schedule: "@hourly"})
		pass(3 * time.Second)
		assert.Len(t, r.kind.ran(), 5)
		assert.Equal(t, 2, r.kind.most)
	})
}
