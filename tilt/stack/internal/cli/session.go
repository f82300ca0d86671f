package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nova-data/nova/tilt/stack/internal/deps"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/parts"
	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
	"github.com/nova-data/nova/tilt/stack/internal/ports"
	"github.com/nova-data/nova/tilt/stack/internal/statuspage"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// session is this process being the stack.
type session struct {
	cfg parts.Config
	// out gets the progress of the start and what happens to parts later.
	out io.Writer
}

// run starts the stack, calls work when all parts are ready, and stops the stack
// when work has returned, ctx has ended or the start has failed.
func (s session) run(ctx context.Context, work func(context.Context, *supervisor.Supervisor) error) error {
	l := s.cfg.Layout
	for _, dir := range []string{l.Run, l.LogDir(), l.PIDDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making the stack's directories: %w", err)
		}
	}
	unlock, err := lock(l)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.Remove(l.EnvFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the variables of the last start: %w", err)
	}
	if err := ports.Check(parts.Ports(s.cfg)); err != nil {
		return err
	}
	if err := keepOldLogs(l); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "building the programs")
	if err := parts.Build(ctx, s.cfg, s.out); err != nil {
		return err
	}
	stages, err := parts.Stages(ctx, s.cfg)
	if err != nil {
		return err
	}
	return s.supervise(ctx, stages, work)
}

func (s session) supervise(ctx context.Context, stages [][]supervisor.Part, work func(context.Context, *supervisor.Supervisor) error) error {
	l := s.cfg.Layout
	keeping := supervisor.New(supervisor.DefaultConfig(l.LogDir(), l.PIDDir()), supervisor.Deps{
		Stages: stages,
		Report: reporter(s.out),
	})
	closePage, err := servePage(ctx, l, keeping)
	if err != nil {
		return err
	}
	defer closePage()
	if err := l.WriteEnv(); err != nil {
		return err
	}
	return keeping.Run(ctx, func(ctx context.Context) error {
		defer fmt.Fprintln(s.out, "stopping")
		return work(ctx, keeping)
	})
}

// newSession returns the session that c asks for, without starting anything.
func newSession(c *call) (session, error) {
	library, err := deps.Library()
	if err != nil && c.layout.ClickHouse.Own {
		return session{}, err
	}
	return session{out: c.out, cfg: parts.Config{
		Layout:   c.layout,
		Jars:     deps.Jars(c.layout),
		Library:  library,
		Services: c.flags.services,
	}}, nil
}

// errRunning is returned to the second stack of one RUN_DIR.
var errRunning = errors.New("the stack is running already: stack status shows it, stack down stops it")

// lock makes this process the stack of l. The kernel releases it with the
// process, however that ends.
func lock(l layout.Layout) (unlock func(), err error) {
	file, err := os.OpenFile(l.LockFile(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", l.Run, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errRunning
		}
		return nil, fmt.Errorf("locking %s: %w", l.Run, err)
	}
	self, err := pidfile.Of(os.Getpid())
	if err == nil {
		err = self.Write(l.SupervisorPID())
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() {
		_ = os.Remove(l.SupervisorPID())
		_ = file.Close()
	}, nil
}

// keepOldLogs gives each part an empty log and keeps the one of the last start.
func keepOldLogs(l layout.Layout) error {
	logs, err := filepath.Glob(filepath.Join(l.LogDir(), "*.log"))
	if err != nil {
		return fmt.Errorf("looking for logs: %w", err)
	}
	for _, log := range logs {
		if log == supervisorLog(l) {
			continue // this process is writing it
		}
		if err := os.Rename(log, log+".old"); err != nil {
			return fmt.Errorf("keeping an old log: %w", err)
		}
	}
	return nil
}

func supervisorLog(l layout.Layout) string { return filepath.Join(l.LogDir(), "stack.log") }

// openSupervisorLog opens the log for writing behind what is there, which may be
// of a stack that runs: whether it does is known only later.
func openSupervisorLog(l layout.Layout) (*os.File, error) {
	return os.OpenFile(supervisorLog(l), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// reporter returns a function that writes reports to out, one at a time.
func reporter(out io.Writer) func(supervisor.Report) {
	var mu sync.Mutex
	return func(report supervisor.Report) {
		text := strings.ReplaceAll(report.Text, "\n", "\n               ")
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%-14s %s\n", report.Part, text)
	}
}

func servePage(ctx context.Context, l layout.Layout, stack statuspage.Stack) (stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address(layout.StatusPort))
	if err != nil {
		return nil, fmt.Errorf("serving the status page: %w", err)
	}
	server := &http.Server{Handler: statuspage.Handler(stack), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}
