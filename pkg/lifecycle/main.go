package lifecycle

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of Main.
const (
	ExitOK     = 0
	ExitFailed = 1
	// ExitSignal is 128 + SIGTERM: the answer to a second signal.
	ExitSignal = 143
)

// Main calls run with a context that SIGINT or SIGTERM ends, prints its error
// to stderr behind name, and returns the exit code. A second signal while run
// still drains ends the process at once: nothing is lost by that either.
func Main(name string, run func(context.Context) error) int {
	return mainTo(os.Stderr, name, run)
}

func mainTo(stderr io.Writer, name string, run func(context.Context) error) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	return serve(name, stderr, signals, run)
}

func serve(name string, stderr io.Writer, signals <-chan os.Signal, run func(context.Context) error) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- protect(ctx, run) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				_, _ = fmt.Fprintf(stderr, "%s: %v\n", name, err)
				return ExitFailed
			}
			return ExitOK
		case sig := <-signals:
			if ctx.Err() != nil {
				_, _ = fmt.Fprintf(stderr, "%s: second %s: ending at once\n", name, sig)
				return ExitSignal
			}
			cancel()
		}
	}
}
