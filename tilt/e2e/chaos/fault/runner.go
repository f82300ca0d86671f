package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
)

// Tally counts the faults of one kind.
type Tally struct {
	// Drawn is how many there were; Struck is how many have come about.
	Drawn, Struck int
}

// Runner carries out schedules.
type Runner struct {
	cluster *clustertest.Cluster
	log     func(format string, args ...any)
	tallies map[schedule.Kind]*Tally

	pending  []action
	unhealed []action
	// atEnd is undone when all is quiet.
	atEnd    []action
	problems []string
}

// action is something to do at a time, from the start of the round.
type action struct {
	at   time.Duration
	name string
	do   func(context.Context) error
	// isEnd says that it undoes something, and must be done in the end.
	isEnd bool
}

// New returns a runner that reports to log what it does.
func New(cluster *clustertest.Cluster, log func(format string, args ...any)) *Runner {
	return &Runner{cluster: cluster, log: log, tallies: map[schedule.Kind]*Tally{}}
}

// Tallies returns what was done so far.
func (r *Runner) Tallies() map[schedule.Kind]*Tally { return r.tallies }

// Problems says which replicas did not end well when they were asked to.
func (r *Runner) Problems() []string { return r.problems }

// Prepare plans a round, and does those of its faults that must be there before the
// first record.
func (r *Runner) Prepare(ctx context.Context, round schedule.Round) error {
	for _, f := range round.Faults {
		if r.tallies[f.Kind] == nil {
			r.tallies[f.Kind] = &Tally{}
		}
		r.tallies[f.Kind].Drawn++
		begin := action{at: f.At, name: f.String(), do: func(ctx context.Context) error { return r.begin(ctx, f) }}
		if f.At > 0 {
			r.plan(begin)
		} else if err := begin.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

// Run does the rest at its times, reckoned from start.
func (r *Runner) Run(ctx context.Context, start time.Time) error {
	for len(r.pending) > 0 {
		next := r.pending[0]
		select {
		case <-time.After(time.Until(start.Add(next.at))):
		case <-ctx.Done():
			return ctx.Err()
		}
		r.pending = r.pending[1:]
		if err := next.do(ctx); err != nil {
			r.log("%s: %v", next.name, err)
			if next.isEnd {
				r.unhealed = append(r.unhealed, next)
			}
		}
	}
	return nil
}

// plan adds an action at its time.
func (r *Runner) plan(a action) {
	at, _ := slices.BinarySearchFunc(r.pending, a.at, func(other action, at time.Duration) int {
		if other.at <= at {
			return -1
		}
		return 1
	})
	r.pending = slices.Insert(r.pending, at, a)
}

// until plans the end of a fault.
func (r *Runner) until(f schedule.Fault, end func(context.Context) error) {
	r.plan(action{at: f.At + f.For, name: "end of " + f.String(), do: end, isEnd: true})
}

func (r *Runner) struck(f schedule.Fault) { r.tallies[f.Kind].Struck++ }

const (
	healWithin = 30 * time.Second
	healEvery  = 100 * time.Millisecond
)

// Heal brings back what is still away, and undoes what could not be undone.
func (r *Runner) Heal(ctx context.Context) error {
	if r.isClickHouseDown() {
		r.cluster.RestartClickHouse() //nolint:contextcheck // chtest has the test's own
	}
	return r.undo(ctx, &r.unhealed)
}

// Finish undoes what had to last until all was quiet.
func (r *Runner) Finish(ctx context.Context) error { return r.undo(ctx, &r.atEnd) }

// undo does actions until each has succeeded.
func (r *Runner) undo(ctx context.Context, actions *[]action) error {
	ctx, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	for len(*actions) > 0 {
		next := (*actions)[0]
		err := next.do(ctx)
		if err == nil {
			*actions = (*actions)[1:]
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", next.name, errors.Join(err, ctx.Err()))
		case <-time.After(healEvery):
		}
	}
	return nil
}

func (r *Runner) isClickHouseDown() bool {
	select {
	case <-r.cluster.ClickHouse.Exited():
		return true
	default:
		return false
	}
}
