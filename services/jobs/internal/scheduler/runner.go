package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/nova-data/nova/pkg/telemetry"
)

const (
	firstPause = time.Second
	lastPause  = 10 * time.Second

	// The time added before a tick's run, so that not all jobs begin at once.
	longestJitter = 2 * time.Second
	jitterPart    = 10 // a tenth of the interval at most
)

// failed is what a runner does not say again and again.
const failed = "failed"

// runner runs one job, from one goroutine.
type runner struct {
	*Scheduler

	job     *job
	log     *slog.Logger
	metrics *jobMetrics
	// heldBy is what the claim of the tick that was tried last says.
	heldBy string
	// skipped is the tick that was skipped last.
	skipped string
	// failures is how many runs have failed since one that did not.
	failures int
	said     telemetry.Repeats
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
	outcome := r.run(ctx, tick{name: r.job.definition.Tick(), keep: definitionKept, until: next})
	if outcome != Skipped {
		return
	}
	if latest := r.job.schedule.Latest(now); latest.After(claimedAt(r.heldBy)) {
		r.run(ctx, r.tickAt(latest))
	}
}

func (r *runner) jitter(due time.Time) time.Duration {
	interval := r.job.schedule.Next(due).Sub(due)
	return rand.N(max(1, min(interval/jitterPart, longestJitter))) //nolint:gosec // spreads runs, guards nothing
}

// run claims a tick and runs the job, again and again if it fails, until the next
// tick is due. For as long it looks again at a tick that another has claimed and
// not done: its owner may have died. A tick that ctx cuts short is left to whoever
// has the job next.
func (r *runner) run(ctx context.Context, t tick) Outcome {
	c := r.newClaim(t)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		outcome := r.attempt(ctx, c)
		isOver := outcome == OK || outcome == Skipped && isDone(r.heldBy)
		isNextDue := !t.until.IsZero() && time.Now().Add(pause).After(t.until)
		if ctx.Err() == nil && (isOver || isNextDue) {
			return outcome
		}
		if !sleep(ctx, pause) {
			if outcome == Failed {
				r.release(ctx, c)
			}
			return outcome
		}
	}
}

// attempt is one try, when there is room for it.
func (r *runner) attempt(ctx context.Context, c claim) Outcome {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return Failed
	}
	r.job.set(Running, "")
	run := Run{Tick: c.tick.name, StartedAt: time.Now(), Outcome: OK}
	current, err := r.deps.Claims.Claim(ctx, c.key, c.holder, r.cfg.Timeout+lastPause+claimMargin)
	r.heldBy = current
	switch {
	case err == nil && current != c.holder:
		run.Outcome = Skipped
	case err == nil:
		if run.Rows, err = r.guarded(ctx); err == nil {
			r.finish(ctx, c)
		}
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

// note shows a run: failures in the log now and then, the end of them once. A tick
// that is looked at again has been skipped once.
func (r *runner) note(ctx context.Context, run Run, err error) {
	r.job.ran(run)
	isAgain := run.Outcome == Skipped && run.Tick == r.skipped
	if run.Outcome == Skipped {
		r.skipped = run.Tick
	}
	if !isAgain {
		r.metrics.ran(ctx, run)
	}
	switch {
	case err != nil:
		r.failures++
		if r.said.Due(failed) {
			withStack(r.log, err).WarnContext(ctx, "job failed", "tick", run.Tick, "failures", r.failures, "error", err)
		}
	case run.Outcome == OK && r.failures > 0:
		r.log.InfoContext(ctx, "job works again", "failures", r.failures)
		r.failures = 0
		r.said.Forget(failed)
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
