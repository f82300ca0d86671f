package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/parts"
	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
)

const (
	// drainTimeout is how long an orderly end may take: each part its grace.
	drainTimeout = 3 * time.Minute
	killTimeout  = 10 * time.Second
	pollEvery    = 50 * time.Millisecond
)

func runDown(ctx context.Context, c *call) error {
	stopped, err := stop(ctx, c.layout)
	if err != nil {
		return err
	}
	if stopped {
		fmt.Fprintln(c.out, "the stack has stopped")
	} else {
		fmt.Fprintln(c.out, "no stack was running")
	}
	return nil
}

// stop ends the stack of l in order, and then whatever part of it is left. It
// tells whether there was anything.
func stop(ctx context.Context, l layout.Layout) (stopped bool, err error) {
	if p, alive := pidfile.Read(l.SupervisorPID()); alive {
		stopped = true
		if err := end(ctx, p, syscall.SIGTERM, drainTimeout); err != nil {
			return stopped, fmt.Errorf("stopping the stack: %w", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(l.PIDDir(), "*"))
	if err != nil {
		return stopped, fmt.Errorf("looking for parts: %w", err)
	}
	for _, file := range files {
		if p, alive := pidfile.Read(file); alive {
			stopped = true
			if err := end(ctx, p, syscall.SIGKILL, killTimeout); err != nil {
				return stopped, fmt.Errorf("ending %s: %w", filepath.Base(file), err)
			}
		}
		if err := os.Remove(file); err != nil {
			return stopped, fmt.Errorf("removing a pid file: %w", err)
		}
	}
	return stopped, nil
}

// end sends signal to p and waits until it is gone, killing it after timeout.
func end(ctx context.Context, p pidfile.Process, signal syscall.Signal, timeout time.Duration) error {
	if err := p.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if awaitGone(ctx, p, timeout) || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if !awaitGone(ctx, p, killTimeout) {
		return fmt.Errorf("process %d does not end", p.PID)
	}
	return nil
}

func awaitGone(ctx context.Context, p pidfile.Process, timeout time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for p.Alive() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// runClean removes what the stack has written, by name: RUN_DIR may hold other
// things.
func runClean(ctx context.Context, c *call) error {
	l := c.layout
	if _, err := stop(ctx, l); err != nil {
		return err
	}
	if err := parts.RemoveOutside(l); err != nil {
		return fmt.Errorf("removing PostgreSQL's data: %w", err)
	}
	for _, path := range []string{
		filepath.Dir(l.Data("any")), l.LogDir(), l.PIDDir(), l.Bin(""), l.EnvFile(), l.SupervisorPID(), l.LockFile(),
	} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing %s: %w", path, err)
		}
	}
	_ = os.Remove(l.Run) // unless something else is in it
	fmt.Fprintf(c.out, "removed data, logs and programs in %s; downloads stay in %s\n", l.Run, l.Cache)
	return nil
}
