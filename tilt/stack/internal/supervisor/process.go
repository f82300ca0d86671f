package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one run of a part's command, in a process group of its own.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	// end says how it ended, once exited is closed; nil is exit status 0.
	end error
}

func startProcess(command Command, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the part's own log
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	defer func() { _ = log.Close() }()

	cmd := exec.Command(command.Path, command.Args...) //nolint:gosec,noctx // commands of the stack; its keeper ends them in order
	cmd.Dir = command.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(cmd.Environ(), command.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:    true,
		Credential: command.Credential,
		Pdeathsig:  or(command.Orphaned, syscall.SIGKILL),
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	return p, nil
}

// run starts the process and waits for its end on one thread: the kernel sends
// Pdeathsig when the thread that made the process ends, not its program.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	// While it is not collected, its id cannot be given to another group.
	awaitEnd(p.pid())
	p.killGroup()
	p.end = p.cmd.Wait()
	close(p.exited)
}

func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) killGroup() { _ = syscall.Kill(-p.pid(), syscall.SIGKILL) }

// stop asks the process to end and kills its group when grace is over.
func (p *process) stop(signal syscall.Signal, grace time.Duration) {
	_ = p.cmd.Process.Signal(or(signal, syscall.SIGTERM))
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		// The group leader first, by its handle: run then kills the others.
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

func or(signal, otherwise syscall.Signal) syscall.Signal {
	if signal == 0 {
		return otherwise
	}
	return signal
}
