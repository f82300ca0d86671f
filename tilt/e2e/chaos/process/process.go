package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	// Name is for reports.
	Name string
	Path string
	Args []string
	// Env is the whole environment.
	Env []string
	Dir string
	// Log is the file that gets the output.
	Log string
}

// Process is one run of a program.
type Process struct {
	command *exec.Cmd
	exited  chan struct{}
	err     error // of Wait, once exited is closed
}

// Start runs a program.
func Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", spec.Name, err)
	}
	command := exec.CommandContext(context.Background(), spec.Path, spec.Args...) //nolint:gosec // what the test asked for
	command.Env, command.Dir = spec.Env, spec.Dir
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &Process{command: command, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.exited)
		defer func() { _ = log.Close() }()
		// The system sends the signal when the thread ends that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			p.err = command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Name, err)
	}
	return p, nil
}

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill ends the process as a crash does, and waits for its end.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.exited
}

// Pause makes the process stand still, and Resume lets it go on.
func (p *Process) Pause() error { return p.command.Process.Signal(syscall.SIGSTOP) }

// Resume is the end of Pause.
func (p *Process) Resume() error { return p.command.Process.Signal(syscall.SIGCONT) }

// Stop asks the process to end, as an orchestrator does, and waits for it. The
// error says that it did not end in time, when it is killed, or not well.
func (p *Process) Stop(within time.Duration) error {
	_ = p.Resume()
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return p.err
	case <-time.After(within):
		p.Kill()
		return fmt.Errorf("it still runs %s after SIGTERM", within)
	}
}

// wasKilled reports whether SIGKILL has ended the process.
func (p *Process) wasKilled() bool {
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
