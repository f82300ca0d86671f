package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// journal records what members do, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) untilTold(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		j.add(name)
		return ctx.Err()
	}
}

// Members stop last added first, each awaited: a server stops taking requests
// before the producer it feeds closes.
func TestGroupStopsInReverseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		g := NewGroup(quiet, time.Minute)
		g.Add("producer", j.untilTold("producer"))
		g.Add("server", func(ctx context.Context) error {
			<-ctx.Done()
			<-time.After(30 * time.Second)
			j.add("server")
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.NoError(t, g.Run(ctx))
		require.Equal(t, []string{"server", "producer"}, j.lines)
	})
}

// The end of one member is the end of all, with its error, and a quiet end or a
// panic is an error too: a service never goes on without its consumer.
func TestGroupEndsWithItsFirstMember(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		run  func(context.Context) error
		want string
	}{
		"error": {func(context.Context) error { return broken }, "running consumer: broken"},
		"quiet": {func(context.Context) error { return nil }, "running consumer: ended before it was told to"},
		"panic": {func(context.Context) error { panic("boom") }, "running consumer: panic: boom"},
		"exit":  {func(context.Context) error { runtime.Goexit(); return nil }, "running consumer: its goroutine has exited"},
	} {
		t.Run(name, func(t *testing.T) {
			var j journal
			g := NewGroup(quiet, time.Minute)
			g.Add("admin", j.untilTold("admin"))
			g.Add("consumer", test.run)
			require.ErrorContains(t, g.Run(t.Context()), test.want)
			require.Equal(t, []string{"admin"}, j.lines)
		})
	}
}

// An error while draining is reported, and does not keep others from draining.
func TestGroupReportsDrainErrors(t *testing.T) {
	var j journal
	g := NewGroup(quiet, time.Minute)
	g.Add("admin", j.untilTold("admin"))
	g.Add("consumer", func(ctx context.Context) error { <-ctx.Done(); return errors.New("commit refused") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.EqualError(t, g.Run(ctx), "stopping consumer: commit refused")
	require.Equal(t, []string{"admin"}, j.lines)
}

// A panic while draining is reported with its stack, and does not keep others from
// draining.
func TestGroupSurvivesAPanicWhileDraining(t *testing.T) {
	var j journal
	g := NewGroup(quiet, time.Minute)
	g.Add("admin", j.untilTold("admin"))
	g.Add("consumer", func(ctx context.Context) error { <-ctx.Done(); panic("boom") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := g.Run(ctx)
	require.ErrorContains(t, err, "stopping consumer: panic: boom")
	require.ErrorContains(t, err, "lifecycle_test.go")
	require.Equal(t, []string{"admin"}, j.lines)
}

// Members that fail one after the other are all reported.
func TestGroupReportsAllFailures(t *testing.T) {
	g := NewGroup(quiet, time.Minute)
	first := make(chan struct{})
	g.Add("producer", func(context.Context) error { <-first; return errors.New("no broker") })
	g.Add("consumer", func(ctx context.Context) error { defer close(first); <-ctx.Done(); return errors.New("too late") })
	g.Add("server", func(context.Context) error { return errors.New("no port") })
	require.EqualError(t, g.Run(t.Context()), "running server: no port\nstopping consumer: too late\nstopping producer: no broker")
}

// Why a group ends is in the log before it drains: a second signal may end the
// process before the error is printed.
func TestGroupSaysAtOnceWhyItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		g := NewGroup(slog.New(slog.NewTextHandler(&log, nil)), time.Minute)
		g.Add("admin", func(ctx context.Context) error {
			<-ctx.Done()
			require.Contains(t, log.String(), `msg="draining because a member has ended" member=consumer error="no group" deadline=1m0s`)
			return nil
		})
		g.Add("consumer", func(context.Context) error { return errors.New("no group") })
		require.Error(t, g.Run(t.Context()))
	})
}

// When a member has taken all the time, those before it are told at once and not
// waited for: nothing is left that works as if nothing had happened.
func TestGroupTellsTheRestWhenTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		g := NewGroup(quiet, time.Minute)
		g.Add("admin", j.untilTold("admin"))
		g.Add("producer", j.untilTold("producer"))
		g.Add("consumer", func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.EqualError(t, g.Run(ctx), "stopping consumer: not done within 1m0s")
		close(release)
		synctest.Wait()
		require.ElementsMatch(t, []string{"admin", "producer"}, j.lines)
	})
}

// A member that hangs is named when the drain deadline passes.
func TestGroupDrainHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := NewGroup(quiet, time.Minute)
		g.Add("admin", func(ctx context.Context) error { <-ctx.Done(); return nil })
		g.Add("consumer", func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		require.EqualError(t, g.Run(ctx), "stopping consumer: not done within 1m0s")
		require.Equal(t, time.Minute, time.Since(start))
		close(release)
	})
}

// The first signal drains, the second ends the process at once.
func TestMainSignals(t *testing.T) {
	draining := make(chan struct{})
	release := make(chan struct{})
	signals := make(chan os.Signal, 2)
	var stderr strings.Builder
	code := make(chan int)
	go func() {
		code <- serve("svc", &stderr, signals, func(ctx context.Context) error {
			<-ctx.Done()
			close(draining)
			<-release
			return nil
		})
	}()
	signals <- syscall.SIGTERM
	<-draining
	signals <- os.Interrupt
	require.Equal(t, ExitSignal, <-code)
	require.Contains(t, stderr.String(), "svc: second interrupt")
	close(release)
}

// SIGTERM and SIGINT are what Main listens to: the first ends run's context, and
// run's end is the program's.
func TestMainListensToSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		running := make(chan struct{})
		code := make(chan int)
		go func() {
			code <- Main("svc", func(ctx context.Context) error {
				close(running)
				<-ctx.Done()
				return nil
			})
		}()
		<-running
		require.NoError(t, syscall.Kill(syscall.Getpid(), signal))
		require.Equal(t, ExitOK, <-code)
	}
}

// An error or a panic of run is printed behind the program's name.
func TestMainReportsErrors(t *testing.T) {
	var stderr strings.Builder
	require.Equal(t, ExitOK, serve("svc", &stderr, nil, func(context.Context) error { return nil }))
	require.Empty(t, stderr.String())
	require.Equal(t, ExitFailed, serve("svc", &stderr, nil, func(context.Context) error { return errors.New("no broker") }))
	require.Equal(t, "svc: no broker\n", stderr.String())
	require.Equal(t, ExitFailed, serve("svc", &stderr, nil, func(context.Context) error { panic("boom") }))
	require.Contains(t, stderr.String(), "panic: boom")
}
