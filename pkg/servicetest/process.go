package servicetest

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/kafkatest"
)

// asService as the first argument makes the test binary behave as the service.
const asService = "as-service"

// Main is for TestMain: it runs the tests and looks for leaked goroutines, or
// runs the service's command line when the binary was started for that.
func Main(m *testing.M, service func(args []string, stdout, stderr io.Writer) int, options ...goleak.Option) {
	if len(os.Args) > 1 && os.Args[1] == asService {
		os.Exit(service(os.Args[2:], os.Stdout, os.Stderr)) //nolint:forbidigo // it stands for the service's main
	}
	goleak.VerifyTestMain(m, options...)
}

// Command is the service's command line with these arguments, not yet started.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, os.Args[0], append([]string{asService}, args...)...) //nolint:gosec // the test binary itself
}

// Process is a running service.
type Process struct {
	tb      testing.TB
	command *exec.Cmd
	log     *Log
}

// Start starts the service. It is killed with the test if it still runs.
func Start(tb testing.TB) *Process {
	tb.Helper()
	p := &Process{tb: tb, log: &Log{}}
	p.command = Command(context.WithoutCancel(tb.Context())) // it ends by signals, as in production
	p.command.Stderr = p.log
	require.NoError(tb, p.command.Start())
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("log of the service:\n%s", p.log)
		}
	})
	return p
}

// Logged is what the service has logged so far.
func (p *Process) Logged() string { return p.log.String() }

// Kill ends the service as a crash does, and waits for its end. It may have ended
// already.
func (p *Process) Kill() {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
}

// Stop ends the service as an orchestrator does, and requires a clean exit: one
// that does not come is a crash in the end.
func (p *Process) Stop() {
	p.tb.Helper()
	require.NoError(p.tb, p.command.Process.Signal(os.Interrupt))
	defer time.AfterFunc(kafkatest.Patience, func() { _ = p.command.Process.Kill() }).Stop()
	require.NoError(p.tb, p.command.Wait())
}

// Log is a buffer that may be read while it is written.
type Log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// String is what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
