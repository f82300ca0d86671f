package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/jobs/internal/definition"
)

// Config is how jobs run. Its prefix is JOB.
type Config struct {
	Timeout     time.Duration `split_words:"true" default:"30s" desc:"Time limit of one run of a job, its queries included; CLICKHOUSE_TIMEOUT bounds these too."`
	Concurrency int           `split_words:"true" default:"4" desc:"Jobs that run at a time in this process; below CLICKHOUSE_MAX_CONNS."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.Timeout < time.Second {
		problems = append(problems, errors.New("TIMEOUT must be at least 1s"))
	}
	if c.Concurrency <= 0 {
		problems = append(problems, errors.New("CONCURRENCY must be positive"))
	}
	return errors.Join(problems...)
}

// Kind makes tasks of the definitions of one kind.
type Kind interface {
	// Task returns what a job with these parameters does. Its error names every
	// field that is wrong, and what is allowed.
	Task(params []byte) (Task, error)
}

// Task is what a job does at each tick.
type Task interface {
	// Run does it once, soon after ctx ends at the latest, and returns how many
	// rows the result has. The result counts as fresh for freshFor. Run must bear
	// repetition.
	Run(ctx context.Context, freshFor time.Duration) (rows int, err error)
}

// Claims decide which replica runs a tick.
type Claims interface {
	// Claim takes key for holder, for ttl from now, if nobody else has it, and
	// returns what is there now: holder, or what another has put.
	Claim(ctx context.Context, key, holder string, ttl time.Duration) (current string, err error)
	// Replace puts value in the place of holder's claim, for ttl, if nobody else
	// has it, and returns what is there now.
	Replace(ctx context.Context, key, holder, value string, ttl time.Duration) (current string, err error)
	// Release gives a claim back, if it is still holder's.
	Release(ctx context.Context, key, holder string) error
}

// Health is told what works worse than it should.
type Health interface {
	Degraded(part, reason string)
	Healthy(part string)
}

// Deps is what a Scheduler works with. All of it is required.
type Deps struct {
	// Kinds are the kinds of jobs there are, by name.
	Kinds  map[string]Kind
	Claims Claims
	// Ready is closed when jobs may run.
	Ready <-chan struct{}
	// FromFile says that definitions come by FileChanged, not from the topic.
	FromFile bool
	Log      *slog.Logger
	Meter    metric.Meter
	Health   Health
}

// filePart is the file of definitions in health.
const filePart = "definitions file"

// errEnded is what a change gets that comes after Run.
var errEnded = errors.New("the scheduler has ended")

// Scheduler runs jobs.
type Scheduler struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	// slots holds one token for each job that runs.
	slots chan struct{}

	decoder     definition.Decoder
	undecodable telemetry.Repeats

	changes chan func(ctx context.Context)
	ended   chan struct{}

	// These belong to Run.
	share      consumer.Share
	isAssigned bool
	isCaughtUp bool
	fromTopic  map[string]definition.Definition
	fromFile   []definition.Definition
	jobs       map[string]*job

	mu sync.Mutex
	// view is the jobs for those who only look.
	view        []*job
	fileProblem string
}

// New returns a Scheduler without an assignment. Its error is the meter's.
func New(cfg Config, deps Deps) (*Scheduler, error) {
	s := &Scheduler{
		cfg: cfg, deps: deps,
		slots:     make(chan struct{}, cfg.Concurrency),
		changes:   make(chan func(context.Context)),
		ended:     make(chan struct{}),
		fromTopic: map[string]definition.Definition{},
		jobs:      map[string]*job{},
	}
	var err error
	s.metrics, err = newMetrics(deps.Meter, s.states)
	return s, err
}

// Run makes changes and owns the jobs, until ctx ends; then it stops them. It is
// called once.
func (s *Scheduler) Run(ctx context.Context) error {
	defer close(s.ended)
	defer s.stopAll()
	for {
		select {
		case <-ctx.Done():
			return nil
		case change := <-s.changes:
			change(ctx)
		}
	}
}

// do has Run make a change, and waits for it.
func (s *Scheduler) do(change func(ctx context.Context)) error {
	made := make(chan struct{})
	select {
	case s.changes <- func(ctx context.Context) { change(ctx); close(made) }:
	case <-s.ended:
		return errEnded
	}
	select {
	case <-made:
		return nil
	case <-s.ended:
		return errEnded
	}
}

// FileChanged gives all definitions of the file.
func (s *Scheduler) FileChanged(definitions []definition.Definition) {
	s.setFileProblem("")
	s.deps.Health.Healthy(filePart)
	_ = s.do(func(ctx context.Context) { // after the end there is nothing to change
		s.fromFile = definitions
		s.reconcile(ctx)
	})
}

// FileFailed says why the file could not be read; what it said last counts.
func (s *Scheduler) FileFailed(err error) {
	s.setFileProblem(err.Error())
	s.deps.Health.Degraded(filePart, err.Error())
	s.deps.Log.Warn("definitions file refused, keeping the last", "error", err)
}

func (s *Scheduler) setFileProblem(problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fileProblem = problem
}
