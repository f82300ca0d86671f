package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// StopPart asks a part to end and keeps it from being started again until
// StartPart. It does not wait: the state becomes Stopped when nothing of the part
// is left. Parts that need it go on without it.
//
// Only the process of a part that was ready before can be stopped: a stack that
// is starting would wait for it for ever.
func (s *Supervisor) StopPart(name string) error {
	k, err := s.find(name)
	if err != nil {
		return err
	}
	if err := k.hold(); err != nil {
		return fmt.Errorf("stopping %s: %w", name, err)
	}
	return nil
}

// StartPart starts a part that StopPart has stopped, and leaves any other alone.
// It does not wait: the state becomes Ready when the part is.
func (s *Supervisor) StartPart(name string) error {
	k, err := s.find(name)
	if err != nil {
		return err
	}
	k.resume()
	return nil
}

// UnknownPartError is the name of no part.
type UnknownPartError struct {
	Name string
	// Parts are the names that there are.
	Parts []string
}

func (e *UnknownPartError) Error() string {
	return fmt.Sprintf("no part is called %q; there are %s", e.Name, strings.Join(e.Parts, ", "))
}

func (s *Supervisor) find(name string) (*keeper, error) {
	unknown := &UnknownPartError{Name: name}
	for _, stage := range s.stages {
		for _, k := range stage {
			if k.part.Name == name {
				return k, nil
			}
			unknown.Parts = append(unknown.Parts, k.part.Name)
		}
	}
	return nil, unknown
}

var (
	errTask        = errors.New("it is a task that has ended, not a process")
	errForeign     = errors.New("someone else runs it")
	errNotReadyYet = errors.New("it has not been ready yet")
)

// hold ends the run under way and keeps the next from beginning.
func (k *keeper) hold() error {
	switch {
	case k.part.Command == nil:
		return errForeign
	case k.part.Once:
		return errTask
	case !k.wasReady():
		return errNotReadyYet
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil {
		return nil
	}
	k.held = make(chan struct{})
	k.interrupt()
	if k.status.State != Stopped {
		// Nobody who starts it again may take it for the run that ends now.
		k.status.State, k.status.Since = Stopping, time.Now()
	}
	return nil
}

func (k *keeper) isHeld() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held != nil
}

func (k *keeper) resume() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil {
		close(k.held)
		k.held = nil
	}
}

// admit returns the context of the part's next run once nothing holds it back.
// Its error is that of ctx.
func (k *keeper) admit(ctx context.Context) (running context.Context, end context.CancelFunc, err error) {
	for {
		running, end, held := k.begin(ctx)
		if held == nil {
			return running, end, nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// begin returns the context of a run, or what to wait for.
func (k *keeper) begin(ctx context.Context) (running context.Context, end context.CancelFunc, held <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil {
		return nil, nil, k.held
	}
	running, k.interrupt = context.WithCancel(ctx)
	return running, k.interrupt, nil
}
