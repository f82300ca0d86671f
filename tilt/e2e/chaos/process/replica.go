package process

import (
	"fmt"
	"sync"
	"time"
)

// restartAfter is how long a replica is away after its end.
const restartAfter = 300 * time.Millisecond

// Replica is a program that is started again when it ends unasked.
type Replica struct {
	spec Spec
	stop chan struct{}
	done chan struct{}

	mu       sync.Mutex
	running  *Process
	stopping bool
	kills    int
	problems []string
}

// Keep starts a program and keeps it running until Stop or Close.
func Keep(spec Spec) (*Replica, error) {
	p, err := Start(spec)
	if err != nil {
		return nil, err
	}
	r := &Replica{spec: spec, running: p, stop: make(chan struct{}), done: make(chan struct{})}
	go r.keep()
	return r, nil
}

// keep starts the program again after each end.
func (r *Replica) keep() {
	defer close(r.done)
	for {
		p := r.Process()
		<-p.Exited()
		if !r.note(p) {
			return
		}
		select {
		case <-r.stop:
			return
		case <-time.After(restartAfter):
		}
		if !r.restart() {
			return
		}
	}
}

// note remembers how a process has ended, and reports whether it is to run again.
func (r *Replica) note(p *Process) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopping:
		return false
	case p.wasKilled():
		r.kills++
	default:
		r.problems = append(r.problems, fmt.Sprintf("%s ended by itself: %v", r.spec.Name, p.err))
	}
	return true
}

func (r *Replica) restart() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return false
	}
	p, err := Start(r.spec)
	if err != nil {
		r.problems = append(r.problems, err.Error())
		return false
	}
	r.running = p
	return true
}

// Name is that of the program's Spec.
func (r *Replica) Name() string { return r.spec.Name }

// Log is the file that gets the output.
func (r *Replica) Log() string { return r.spec.Log }

// Process is the newest run of the program; it may have ended.
func (r *Replica) Process() *Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}

// Kills is how often SIGKILL has ended the program, whoever sent it.
func (r *Replica) Kills() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kills
}

// Problems says how the program has ended unasked, other than by SIGKILL.
func (r *Replica) Problems() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.problems...)
}

// Stop ends the program as an orchestrator does. Its error says that it did not
// end well.
func (r *Replica) Stop(within time.Duration) error {
	p := r.end()
	err := p.Stop(within)
	<-r.done
	if err != nil {
		return fmt.Errorf("stopping %s: %w", r.spec.Name, err)
	}
	return nil
}

// Close kills the program. It may be called twice, and after Stop.
func (r *Replica) Close() {
	r.end().Kill()
	<-r.done
}

// end keeps the program from being started again, and returns its newest run.
func (r *Replica) end() *Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopping {
		r.stopping = true
		close(r.stop)
	}
	return r.running
}
