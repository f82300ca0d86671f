package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	// keyPrefix begins the keys of claims: nova:job:<name>:<tick>.
	keyPrefix = "nova:job:"
	// definitionClaim is how long the run at a definition stays claimed.
	definitionClaim = 24 * time.Hour
	// shortestClaim outlives what clocks may differ by.
	shortestClaim = time.Minute

	firstPause = time.Second
	lastPause  = 10 * time.Second

	// The time added before a tick's run, so that not all jobs begin at once.
	longestJitter = 2 * time.Second
	jitterPart    = 10 // a tenth of the interval at most

	// releaseTimeout bounds giving a claim back, which others wait for.
	releaseTimeout = time.Second
)

// tick is one time at which a job is due.
type tick struct {
	name string
	// claim is how long it stays claimed.
	claim time.Duration
	// until is when the next is due; the zero time if none is.
	until time.Time
}

// runner runs one job, from one goroutine.
type runner struct {
	*Scheduler

	job     *job
	log     *slog.Logger
	metrics *jobMetrics
	// heldBy is who has the tick that was tried last.
	heldBy string
	// failures is how many runs have failed since one that did not.
	failures int
	said     occasional
}

func newRunner(s *Scheduler, j *job) *runner {
	return &runner{
		Scheduler: s, job: j,
		log:     s.deps.Log.With("job", j.definition.Name),
		metrics: s.metrics.of(j.definition.Name, j.definition.Kind),
	}
}

// work runs the job now and at every tick until ctx ends.
func (r *runner) work(ctx context.Context) {
	select {
	case <-r.deps.Ready:
	case <-ctx.Done():
		return
	}
	began := time.Now()
	r.begin(ctx, began)
	for last := began; ; {
		// A timer may fire early by the wall clock: no tick comes twice.
		due := r.job.schedule.Next(later(time.Now(), last))
		r.job.scheduled(due)
		if due.IsZero() {
			<-ctx.Done()
			return
		}
		if !sleep(ctx, time.Until(due)+r.jitter(due)) {
			return
		}
		last = due
		r.run(ctx, r.tickAt(due))
	}
}

// begin runs the job for its definition. If that was done before, by another
// owner, a tick may have come since when nobody had the job.
func (r *runner) begin(ctx context.Context, now time.Time) {
	next := r.job.schedule.Next(now)
	r.job.scheduled(next)
	outcome := r.run(ctx, tick{name: r.job.definition.Tick(), claim: definitionClaim, until: next})
	if outcome != Skipped {
		return
	}
	if latest := r.job.schedule.Latest(now); latest.After(claimedAt(r.heldBy)) {
		r.run(ctx, r.tickAt(latest))
	}
}

// newHolder names who claims a tick, and when. It is another for each tick, so
// that whoever comes back to a tick finds it claimed.
func newHolder(now time.Time) string {
	return strconv.FormatInt(now.Unix(), 10) + ":" + uuid.NewString()
}

// claimedAt is the time that a holder's name tells; the zero time if none.
func claimedAt(holder string) time.Time {
	text, _, _ := strings.Cut(holder, ":")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// tickAt is the scheduled tick of a time. It stays claimed until there is
// certainly another.
func (r *runner) tickAt(due time.Time) tick {
	return tick{
		name:  strconv.FormatInt(due.Unix(), 10),
		claim: max(r.job.schedule.Span(due), shortestClaim),
		until: r.job.schedule.Next(due),
	}
}

func (r *runner) jitter(due time.Time) time.Duration {
	interval := r.job.schedule.Next(due).Sub(due)
	return rand.N(max(1, min(interval/jitterPart, longestJitter))) //nolint:gosec // spreads runs, guards nothing
}

// run claims a tick and runs the job, again and again if it fails, until the next
// tick is due. A tick that ctx cuts short is left to whoever has the job next.
func (r *runner) run(ctx context.Context, t tick) Outcome {
	key, holder := keyPrefix+r.job.definition.Name+":"+t.name, newHolder(time.Now())
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		outcome := r.attempt(ctx, t, key, holder)
		if ctx.Err() != nil {
			if outcome == Failed {
				r.release(ctx, key, holder)
			}
			return outcome
		}
		isNextDue := !t.until.IsZero() && time.Now().Add(pause).After(t.until)
		if outcome != Failed || isNextDue {
			return outcome
		}
		if !sleep(ctx, pause) {
			r.release(ctx, key, holder)
			return outcome
		}
	}
}

// attempt is one try, when there is room for it.
func (r *runner) attempt(ctx context.Context, t tick, key, holder string) Outcome {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return Failed
	}
	r.job.set(Running, "")
	run := Run{Tick: t.name, StartedAt: time.Now(), Outcome: OK}
	current, err := r.deps.Claims.Claim(ctx, key, holder, t.claim)
	r.heldBy = current
	switch {
	case err == nil && current != holder:
		run.Outcome = Skipped
	case err == nil:
		run.Rows, err = r.guarded(ctx)
	}
	run.Duration = time.Since(run.StartedAt)
	if err != nil {
		run.Outcome, run.Error = Failed, err.Error()
	}
	if ctx.Err() == nil || err == nil { // a run that was cut short has not failed
		r.note(ctx, run, err)
	}
	return run.Outcome
}

// guarded runs the task within its time, and makes an error of a panic.
func (r *runner) guarded(ctx context.Context) (rows int, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	rows, err = r.job.task.Run(ctx, r.freshFor(r.job))
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("not done within JOB_TIMEOUT (%v): %w", r.cfg.Timeout, err)
	}
	return rows, err
}

// panicError is a panic of a task. Its stack is for the log only.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// withStack adds where a panic came from, if err is one.
func withStack(log *slog.Logger, err error) *slog.Logger {
	var panicked *panicError
	if errors.As(err, &panicked) {
		return log.With("stack", string(panicked.stack))
	}
	return log
}

// note shows a run: failures in the log now and then, the end of them once.
func (r *runner) note(ctx context.Context, run Run, err error) {
	r.job.ran(run)
	r.metrics.ran(ctx, run)
	switch {
	case err != nil:
		r.failures++
		if r.said.isDue(time.Now()) {
			withStack(r.log, err).WarnContext(ctx, "job failed", "tick", run.Tick, "failures", r.failures, "error", err)
		}
	case run.Outcome == OK && r.failures > 0:
		r.log.InfoContext(ctx, "job works again", "failures", r.failures)
		r.failures, r.said = 0, occasional{}
	}
}

func (r *runner) release(ctx context.Context, key, holder string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := r.deps.Claims.Release(ctx, key, holder); err != nil {
		r.log.DebugContext(ctx, "claim not released", "error", err)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sleep waits for d and returns whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// occasional says something at most once a minute.
type occasional struct{ last time.Time }

func (o *occasional) isDue(now time.Time) bool {
	if !o.last.IsZero() && now.Sub(o.last) < time.Minute {
		return false
	}
	o.last = now
	return true
}
