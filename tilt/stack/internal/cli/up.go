package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/nova-data/nova/tilt/stack/internal/deps"
	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

const (
	// progressFD is where the process behind up writes its progress to.
	progressFD = 3
	// allReady is the last line of a start that has succeeded.
	allReady = "ready"
)

func runUp(ctx context.Context, c *call) error {
	if p, alive := pidfile.Read(c.layout.SupervisorPID()); alive {
		fmt.Fprintf(c.out, "the stack is running already (process %d): stack status shows it\n", p.PID)
		return nil
	}
	if err := deps.Ensure(ctx, c.layout, c.out); err != nil {
		return err
	}
	progress, behind, err := c.startBehind()
	if err != nil {
		return fmt.Errorf("starting the stack: %w", err)
	}
	defer func() { _ = progress.Close() }()
	// A signal for up is passed on; what it still has to say is shown.
	stopPassing := context.AfterFunc(ctx, func() { _ = behind.Process.Signal(syscall.SIGTERM) })
	defer stopPassing()
	if follow(progress, c.out) {
		fmt.Fprintf(c.out, "all is ready; addresses are in %s\n", c.layout.EnvFile())
		return behind.Process.Release()
	}
	_ = behind.Wait()
	if ctx.Err() != nil {
		return errors.New("the start was interrupted; nothing is left running")
	}
	return fmt.Errorf("the start has failed; nothing is left running; logs are in %s", c.layout.LogDir())
}

// startBehind starts `stack supervise` in a session of its own and returns the
// end of the pipe it tells its progress to.
func (c *call) startBehind() (progress *os.File, behind *exec.Cmd, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(c.layout.LogDir(), 0o700); err != nil {
		return nil, nil, err
	}
	log, err := openSupervisorLog(c.layout)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = log.Close() }()
	reading, writing, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = writing.Close() }()
	behind = exec.Command(self, "supervise", "--run-dir", c.layout.Run, //nolint:gosec,noctx // this program, which outlives this call
		"--services="+strconv.FormatBool(c.flags.services))
	behind.Dir = c.layout.Root
	behind.Stdout, behind.Stderr = log, log
	behind.ExtraFiles = []*os.File{writing} // descriptor 3
	behind.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := behind.Start(); err != nil {
		_ = reading.Close()
		return nil, nil, err
	}
	return reading, behind, nil
}

// follow copies lines until the one that says that all is ready, and tells
// whether it came.
func follow(progress io.Reader, out io.Writer) bool {
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		if lines.Text() == allReady {
			return true
		}
		fmt.Fprintln(out, lines.Text())
	}
	return false
}

// runSupervise is the stack until a signal ends it. Nobody may read its progress
// any more, which is no reason to end.
func runSupervise(ctx context.Context, c *call) error {
	progress := os.NewFile(progressFD, "progress")
	if info, err := progress.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return errors.New("supervise is started by stack up")
	}
	defer func() { _ = progress.Close() }()
	c.out = &tee{first: c.out, second: progress}
	s, err := newSession(c)
	if err == nil {
		err = s.run(ctx, func(ctx context.Context, _ *supervisor.Supervisor) error {
			fmt.Fprintln(progress, allReady)
			<-ctx.Done()
			return nil
		})
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(progress, err)
		return err
	}
	return nil
}

// tee writes to first, and to second as long as someone reads there.
type tee struct{ first, second io.Writer }

func (t *tee) Write(p []byte) (int, error) {
	_, _ = t.second.Write(p)
	return t.first.Write(p)
}
