package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"os"
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
