package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// Group is a set of members that start together and stop in reverse order.
type Group struct {
	log     *slog.Logger
	drain   time.Duration
	members []member
}

type member struct {
	name string
	run  func(context.Context) error
}

// NewGroup returns an empty group whose members have drain altogether to stop.
func NewGroup(log *slog.Logger, drain time.Duration) *Group {
	return &Group{log: log, drain: drain}
}

// Add adds a member. run works until its context ends, then drains and returns;
// returning earlier stops the group.
func (g *Group) Add(name string, run func(context.Context) error) {
	g.members = append(g.members, member{name: name, run: run})
}

// errGone is the error of a member whose goroutine has ended without returning.
var errGone = errors.New("its goroutine has exited")

// started is a member at work.
type started struct {
	member
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Run runs the members until ctx ends or one of them returns, stops the others
// in reverse order of Add, and returns what went wrong. A member's
// context.Canceled after it was told to stop is no error.
func (g *Group) Run(ctx context.Context) error {
	ended := make(chan *started, len(g.members))
	running := make([]*started, 0, len(g.members))
	for _, m := range g.members {
		// A member's context outlives ctx: it ends when its turn comes.
		memberCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s := &started{member: m, cancel: cancel, done: make(chan struct{})}
		running = append(running, s)
		go func() {
			defer func() {
				close(s.done)
				ended <- s
			}()
			s.err = errGone
			s.err = protect(memberCtx, s.run)
		}()
	}

	var problems []error
	select {
	case <-ctx.Done():
		g.log.Info("draining", "deadline", g.drain)
	case first := <-ended:
		if first.err == nil {
			first.err = errors.New("ended before it was told to")
		}
		// Draining may take long, and a second signal may end it: the cause is said now.
		g.log.Error("draining because a member has ended", "member", first.name, "error", first.err, "deadline", g.drain)
		problems = append(problems, fmt.Errorf("running %s: %w", first.name, first.err))
		first.err = nil
	}
	return errors.Join(append(problems, g.stop(running)...)...)
}

func (g *Group) stop(running []*started) []error {
	deadline := time.NewTimer(g.drain)
	defer deadline.Stop()
	var problems []error
	for i := len(running) - 1; i >= 0; i-- {
		s := running[i]
		s.cancel()
		select {
		case <-s.done:
			if s.err != nil && !errors.Is(s.err, context.Canceled) {
				problems = append(problems, fmt.Errorf("stopping %s: %w", s.name, s.err))
			}
		case <-deadline.C:
			for _, left := range running[:i+1] {
				left.cancel()
			}
			return append(problems, fmt.Errorf("stopping %s: not done within %s", s.name, g.drain))
		}
	}
	g.log.Info("drained")
	return problems
}

func protect(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx)
}
