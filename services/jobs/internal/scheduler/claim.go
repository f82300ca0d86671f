package scheduler

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	// keyPrefix begins the keys of claims: nova:job:<name>:<tick>.
	keyPrefix = "nova:job:"
	// doneMark begins the value of a claim whose tick has been run.
	doneMark = "done:"

	// claimMargin is what a claim lasts longer than a run and the pause after it,
	// since Redis has to be told.
	claimMargin = 5 * time.Second
	// definitionKept is how long it is known that the run at a definition was done.
	definitionKept = 24 * time.Hour
	// shortestKept outlives what clocks may differ by.
	shortestKept = time.Minute
	// tellTimeout bounds what Redis is told of a run that has ended: others wait.
	tellTimeout = time.Second
)

// tick is one time at which a job is due.
type tick struct {
	name string
	// keep is how long it is known to be done.
	keep time.Duration
	// until is when the next is due; the zero time if none is.
	until time.Time
}

// tickAt is the scheduled tick of a time. That it was done is known until there
// is certainly another.
func (r *runner) tickAt(due time.Time) tick {
	return tick{
		name:  strconv.FormatInt(due.Unix(), 10),
		keep:  max(r.job.schedule.Span(due), shortestKept),
		until: r.job.schedule.Next(due),
	}
}

// claim is what a runner has of a tick. It is taken for one attempt and the pause
// after it, and taken anew with the next, so that a tick whose owner has died is
// soon free. When the tick is done the claim says so, for as long as somebody may
// ask.
type claim struct {
	tick   tick
	key    string
	holder string
}

// newClaim is another for each tick, so that whoever comes back to a tick finds
// it claimed. Its holder tells when it was made.
func (r *runner) newClaim(t tick) claim {
	return claim{
		tick: t, key: keyPrefix + r.job.definition.Name + ":" + t.name,
		holder: strconv.FormatInt(time.Now().Unix(), 10) + ":" + uuid.NewString(),
	}
}

// isDone tells a tick that was run from one that somebody is at, or was.
func isDone(current string) bool { return strings.HasPrefix(current, doneMark) }

// claimedAt is the time that a claim tells; the zero time if none.
func claimedAt(current string) time.Time {
	text, _, _ := strings.Cut(strings.TrimPrefix(current, doneMark), ":")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// finish marks the tick as done. If that fails the next owner runs it again,
// which is allowed.
func (r *runner) finish(ctx context.Context, c claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	if _, err := r.deps.Claims.Replace(ctx, c.key, c.holder, doneMark+c.holder, c.tick.keep); err != nil {
		r.log.DebugContext(ctx, "tick not marked as done", "tick", c.tick.name, "error", err)
	}
}

// release gives up a claim, for whoever has the job next.
func (r *runner) release(ctx context.Context, c claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	if err := r.deps.Claims.Release(ctx, c.key, c.holder); err != nil {
		r.log.DebugContext(ctx, "claim not released", "error", err)
	}
}
