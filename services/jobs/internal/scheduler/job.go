package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nova-data/nova/services/jobs/internal/definition"
	"github.com/nova-data/nova/services/jobs/internal/schedule"
)

// State is how a job is.
type State string

// The states of a job.
const (
	Scheduled State = "scheduled"
	Running   State = "running"
	Disabled  State = "disabled"
	Refused   State = "refused"
	// Waiting is a job that will run when its replica has read all definitions
	// and ClickHouse has the tables.
	Waiting State = "waiting"
)

// states returns every State.
func states() []State { return []State{Scheduled, Running, Disabled, Refused, Waiting} }

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run.
const (
	OK     Outcome = "ok"
	Failed Outcome = "error"
	// Skipped is a tick that another replica has claimed.
	Skipped Outcome = "skipped"
)

// Run is one run of a job.
type Run struct {
	// Tick is "def-" and a hash for the run at a definition, else the time of the
	// tick in seconds since 1970.
	Tick      string
	StartedAt time.Time
	Duration  time.Duration
	Outcome   Outcome
	Error     string
	Rows      int
}

// Status is a job as it is now.
type Status struct {
	Name, Kind, Schedule string
	Enabled              bool
	Params               json.RawMessage
	State                State
	// Reason says why the job is refused, or what it waits for.
	Reason string
	// NextRun is the zero time, and LastRun nil, when there is none.
	NextRun time.Time
	LastRun *Run
}

// job is one definition at work.
type job struct {
	definition definition.Definition
	schedule   schedule.Schedule
	task       Task
	// refusal says why there is no task.
	refusal string
	// isChanged tells that another definition of the name was in force before.
	isChanged bool

	isStarted bool
	cancel    context.CancelFunc // nil unless it was started to run
	done      chan struct{}

	mu     sync.Mutex
	state  State
	reason string
	next   time.Time
	last   *Run
}

// newJob judges a definition; before is the job that it replaces, if any.
func (s *Scheduler) newJob(d definition.Definition, before *job) *job {
	j := &job{definition: d, state: Waiting, reason: "waiting until all definitions are read"}
	if before != nil {
		j.isChanged, j.last = before.isStarted, before.status().LastRun
	}
	var problems []error
	note := func(field string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", field, err))
		}
	}
	note("name", definition.CheckName(d.Name))
	var err error
	j.schedule, err = schedule.Parse(d.Schedule)
	note("schedule", err)
	kind, isKnown := s.deps.Kinds[d.Kind]
	switch {
	case !isKnown:
		kinds := strings.Join(slices.Sorted(maps.Keys(s.deps.Kinds)), ", ")
		note("kind", fmt.Errorf("%q is unknown; there is %s", d.Kind, kinds))
	case d.IsUnknown():
		note("params", errors.New("PostgreSQL has not sent them, since they are large and unchanged: write them again"))
	default:
		if j.task, err = kind.Task([]byte(d.Params)); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		j.refusal = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return j
}

func (j *job) set(state State, reason string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state, j.reason = state, reason
}

func (j *job) scheduled(next time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state, j.reason, j.next = Scheduled, "", next
}

func (j *job) ran(run Run) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state, j.last = Scheduled, &run
}

func (j *job) status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := j.definition
	return Status{
		Name: d.Name, Kind: d.Kind, Schedule: d.Schedule, Enabled: d.Enabled, Params: d.ParamsJSON(),
		State: j.state, Reason: j.reason, NextRun: j.next, LastRun: j.last,
	}
}

// show makes the jobs of now the ones that are looked at.
func (s *Scheduler) show() {
	view := slices.SortedFunc(maps.Values(s.jobs), func(a, b *job) int { return cmp.Compare(a.definition.Name, b.definition.Name) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = view
}

// Jobs returns the jobs of this replica by name, and why the file of definitions
// could not be read, or nothing.
func (s *Scheduler) Jobs() (jobs []Status, fileProblem string) {
	view, fileProblem := s.viewed()
	jobs = make([]Status, len(view))
	for i, j := range view {
		jobs[i] = j.status()
	}
	return jobs, fileProblem
}

// Find returns a task that jobs here work with, and how long a result of now
// would be fresh.
func (s *Scheduler) Find(matches func(Task) bool) (task Task, freshFor time.Duration, found bool) {
	view, _ := s.viewed()
	for _, j := range view {
		if j.refusal == "" && j.definition.Enabled && matches(j.task) {
			return j.task, s.freshFor(j), true
		}
	}
	return nil, 0, false
}

// freshFor is the time until which two ticks should have been run: one may fail.
func (s *Scheduler) freshFor(j *job) time.Duration {
	return j.schedule.Span(time.Now()) + s.cfg.Timeout
}

func (s *Scheduler) viewed() (view []*job, fileProblem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view, s.fileProblem
}
