package stacktest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

const (
	commandWithin = 3 * time.Minute
	restartWithin = time.Minute
	logTail       = 3000 // bytes
)

// Stack is one local stack, driven by its command line as a user drives it.
type Stack struct {
	// Dir is its RUN_DIR: data, logs and pids.
	Dir string
	// Bin is the directory of the programs that New was asked for.
	Bin string
	// Vars are the addresses, once LoadVars has read them.
	Vars map[string]string

	root string
	env  []string
}

// New prepares a stack in a directory and on ports of its own, and compiles the
// given packages of the workspace beside it; nothing is started yet. What is left
// of it at the end of the test is stopped and removed.
func New(t *testing.T, packages ...string) *Stack {
	t.Helper()
	takeTurn(t)
	root, err := chtest.Workspace()
	require.NoError(t, err)
	bin, err := compile(packages)
	require.NoError(t, err)
	// PostgreSQL's server, which is not root, must be able to pass through.
	dir, err := os.MkdirTemp("", "nova-e2e-") //nolint:usetesting // t.TempDir's parents are closed to other users
	require.NoError(t, err)
	s := &Stack{Dir: dir, Bin: bin, root: root}
	s.env = append(new(exec.Cmd).Environ(), "RUN_DIR="+dir, "PORT_BASE="+strconv.Itoa(freePortBase(t)))
	t.Cleanup(func() {
		if t.Failed() {
			s.dumpLogs(t)
		}
		output, err := s.Command(context.Background(), "clean").CombinedOutput()
		if err != nil {
			t.Errorf("cleaning up: %v\n%s", err, output)
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return s
}

func compile(packages []string) (dir string, err error) {
	return chtest.Compile("e2e", nil, append([]string{"./tilt/stack/cmd/stack"}, packages...)...)
}

// takeTurn waits until no other test has a stack.
func takeTurn(t *testing.T) {
	t.Helper()
	file, err := lockFile()
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
}

func lockFile() (*os.File, error) {
	root, err := chtest.Workspace()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, ".run", "e2e")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, "turn"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below the workspace
}

// Command is one command of the stack; ctx ends it in order.
func (s *Stack) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.Bin, "stack"), args...) //nolint:gosec // what New has compiled
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Dir, cmd.Env = s.root, s.env
	return cmd
}

// Run runs one command of the stack to its end.
func (s *Stack) Run(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandWithin)
	defer cancel()
	output, err := s.Command(ctx, args...).CombinedOutput()
	require.NoError(t, err, "stack %s:\n%s", strings.Join(args, " "), output)
}

// LoadVars reads the addresses as a shell would.
func (s *Stack) LoadVars(t *testing.T) {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-c", "set -a; . "+filepath.Join(s.Dir, "env")+" && env") //nolint:gosec // a file of this stack
	shell.Env = []string{"PATH=" + path()}
	output, err := shell.Output()
	require.NoError(t, err)
	s.Vars = map[string]string{}
	for line := range strings.Lines(string(output)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		s.Vars[name] = value
	}
	for _, name := range []string{
		"EVENTS_URL", "JOBS_URL", "CLICKHOUSE_HTTP", "CLICKHOUSE_ADDR", "KAFKA_BROKERS", "CONNECT_URL", "POSTGRES_DSN", "REDIS_ADDR",
	} {
		require.NotEmpty(t, s.Vars[name], name)
	}
}

func path() string {
	for _, entry := range new(exec.Cmd).Environ() {
		if value, isPath := strings.CutPrefix(entry, "PATH="); isPath {
			return value
		}
	}
	return ""
}

// HasVars tells whether the stack has written its addresses yet.
func (s *Stack) HasVars() bool {
	_, err := os.Stat(filepath.Join(s.Dir, "env"))
	return err == nil
}

// Brokers are Kafka's addresses.
func (s *Stack) Brokers() []string { return strings.Split(s.Vars["KAFKA_BROKERS"], ",") }

// Kill sends SIGKILL to the process of a part and waits until the supervisor has
// started another one.
func (s *Stack) Kill(t *testing.T, part string) {
	t.Helper()
	pid, err := s.readPID(part)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	Await(t, restartWithin, func() bool {
		next, err := s.readPID(part)
		return err == nil && next != pid
	}, func() string { return part + " is not started again" })
}

func (s *Stack) readPID(part string) (int, error) {
	text, err := os.ReadFile(filepath.Join(s.Dir, "pids", part)) //nolint:gosec // a file of this stack
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return strconv.Atoi(first)
}

// Processes returns the command lines of all processes that belong to the stack,
// told by its directory in their arguments or environment.
func (s *Stack) Processes(t *testing.T) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		arguments, _ := os.ReadFile(filepath.Join(entry, "cmdline"))   //nolint:gosec // of the kernel
		environment, _ := os.ReadFile(filepath.Join(entry, "environ")) //nolint:gosec // of the kernel
		isOurs := bytes.Contains(arguments, []byte(s.Dir)) || bytes.Contains(environment, []byte("RUN_DIR="+s.Dir))
		if isOurs && entry != "/proc/"+strconv.Itoa(os.Getpid()) {
			found = append(found, filepath.Base(entry)+" "+string(bytes.ReplaceAll(arguments, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func (s *Stack) dumpLogs(t *testing.T) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(s.Dir, "logs", "*.log"))
	for _, path := range logs {
		text, err := os.ReadFile(path) //nolint:gosec // a log of this stack
		if err == nil {
			t.Logf("end of %s:\n%s", filepath.Base(path), text[max(0, len(text)-logTail):])
		}
	}
}

// Await polls until the condition holds, and fails the test when it does not
// within the given time.
func Await(t *testing.T, within time.Duration, holds func() bool, describe func() string) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, describe())
		}
	}
}
