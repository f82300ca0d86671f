package supervisor

import (
	"context"
	"time"
)

// Config says where a Supervisor keeps its files and how patient it is.
type Config struct {
	// LogDir and PIDDir exist; they get one file a part.
	LogDir, PIDDir string
	// Attempts is how often a part is started that was never ready.
	Attempts int
	// Pause is waited before the first restart and doubles up to MaxPause.
	Pause, MaxPause time.Duration
	// Grace is how long a part may take to end after its stop signal.
	Grace time.Duration
	// Watch is the time between two probes of a part that is ready.
	Watch time.Duration
}

// DefaultConfig returns the patience for a stack on a busy developer machine.
func DefaultConfig(logDir, pidDir string) Config {
	return Config{
		LogDir:   logDir,
		PIDDir:   pidDir,
		Attempts: 3,
		Pause:    500 * time.Millisecond,
		MaxPause: 10 * time.Second,
		Grace:    20 * time.Second,
		Watch:    5 * time.Second,
	}
}

// Deps is what a Supervisor works on.
type Deps struct {
	// Stages are started one after the other, the parts of a stage together.
	Stages [][]Part
	Report func(Report)
}

// Supervisor keeps the parts of a stack running.
type Supervisor struct {
	stages [][]*keeper
}

// New returns a Supervisor that has started nothing yet.
func New(cfg Config, deps Deps) *Supervisor {
	s := &Supervisor{}
	for _, parts := range deps.Stages {
		stage := make([]*keeper, 0, len(parts))
		for _, part := range parts {
			stage = append(stage, newKeeper(cfg, part, deps.Report))
		}
		s.stages = append(s.stages, stage)
	}
	return s
}

// Run starts all stages, calls work when every part is ready, and stops the
// parts one by one, last first, when work has returned or the start has failed.
// It returns the error of the start or of work; ctx ends both.
func (s *Supervisor) Run(ctx context.Context, work func(context.Context) error) error {
	defer s.stopAll()
	for _, stage := range s.stages {
		if err := startStage(ctx, stage); err != nil {
			return err
		}
	}
	return work(ctx)
}

// Status returns the state of every part in the order of the stages.
func (s *Supervisor) Status() []Status {
	var table []Status
	for _, stage := range s.stages {
		for _, k := range stage {
			table = append(table, k.current())
		}
	}
	return table
}

func startStage(ctx context.Context, stage []*keeper) error {
	failed := make(chan error, len(stage))
	for _, k := range stage {
		k.start(ctx, failed)
	}
	for _, k := range stage {
		select {
		case <-k.ready:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (s *Supervisor) stopAll() {
	for i := len(s.stages) - 1; i >= 0; i-- {
		for j := len(s.stages[i]) - 1; j >= 0; j-- {
			s.stages[i][j].stop()
		}
	}
}
