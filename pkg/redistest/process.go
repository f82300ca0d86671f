package redistest

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is one run of the server.
type process struct {
	command *exec.Cmd
	exited  chan struct{} // closed when it has ended
}

// startProcess runs a command that ends with this process where the system can
// see to that. The system ties it to the thread that started it, so one goroutine
// keeps that thread until the command has ended.
func startProcess(command *exec.Cmd) (*process, error) {
	endWithParent(command)
	p := &process{command: command, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // a server that is killed ends with an error
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.exited
}

// stop lets the process end by itself.
func (p *process) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		p.kill()
		return fmt.Errorf("it still runs %v after SIGTERM", stopTimeout)
	}
}
