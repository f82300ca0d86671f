package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stack runs a command in this process and returns what it wrote.
func stack(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	failure := Main(t.Context(), args, out)
	require.NoError(t, out.Close())
	written, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return string(written), failure
}

// Help names every command that people use, and each explains its own flags; a
// typing error shows the list and fails.
func TestHelp(t *testing.T) {
	list, err := stack(t)
	require.NoError(t, err)
	for _, command := range commands() {
		require.Equal(t, !command.hidden, strings.Contains(list, "  "+command.name+" "), command.name)
		help, err := stack(t, command.name, "--help")
		require.NoError(t, err)
		require.Contains(t, help, command.summary)
		require.Contains(t, help, "-run-dir")
		require.Equal(t, command.name == "run", strings.Contains(help, "-for "))
	}
	again, err := stack(t, "help")
	require.NoError(t, err)
	require.Equal(t, list, again)

	_, err = stack(t, "upp")
	require.EqualError(t, err, `unknown command "upp"`)
	_, err = stack(t, "up", "now")
	require.EqualError(t, err, `up takes no argument "now"`)
	_, err = stack(t, "stop")
	require.EqualError(t, err, "stop needs a PART: stack status shows them")
	_, err = stack(t, "start", "redis", "kafka")
	require.EqualError(t, err, `start takes no argument "kafka"`)
	out, err := stack(t, "up", "--fast")
	require.EqualError(t, err, "reading the flags of up: flag provided but not defined: -fast")
	require.Empty(t, out)
	out, err = stack(t, "load", "--rate", "abc")
	require.EqualError(t, err, `reading the flags of load: invalid value "abc" for flag -rate: parse error`)
	require.Empty(t, out)
}

// The exit code of a command line that makes no sense is 2, as that of every program.
func TestExitCode(t *testing.T) {
	program := filepath.Join(t.TempDir(), "stack")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/stack").CombinedOutput()
	require.NoError(t, err, string(built))
	for line, want := range map[string]int{
		"help": 0, "load --help": 0, "load --rate abc": 2, "load --rate 0": 2, "upp": 2, "stop": 2, "load --url http://127.0.0.1:1": 1,
	} {
		command := exec.CommandContext(t.Context(), program, append(strings.Fields(line), "--run-dir", t.TempDir())...)
		said, err := command.CombinedOutput()
		if want == 0 {
			require.NoError(t, err, line)
			continue
		}
		var ended *exec.ExitError
		require.ErrorAs(t, err, &ended)
		require.Equal(t, want, ended.ExitCode(), "%s: %s", line, said)
	}
}

// Without a stack, status, stop and start fail, down has nothing to do, and env prints what a
// stack would have.
func TestNothingRuns(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PORT_BASE", "10000")
	_, err := stack(t, "status", "--run-dir", dir)
	require.EqualError(t, err, "no stack is running")
	for _, args := range [][]string{{"stop", "--run-dir", dir, "redis"}, {"start", "redis", "--run-dir", dir}} {
		_, err = stack(t, args...)
		require.EqualError(t, err, "no stack is running")
	}
	out, err := stack(t, "down", "--run-dir", dir)
	require.NoError(t, err)
	require.Equal(t, "no stack was running\n", out)
	out, err = stack(t, "env", "--run-dir", dir)
	require.NoError(t, err)
	require.Contains(t, out, "EVENTS_URL=http://127.0.0.1:18080\n")
}

// env prints the addresses of the stack that ran last, whatever PORT_BASE its
// caller has now.
func TestEnvOfTheLastStack(t *testing.T) {
	l, err := layout.New(layout.Config{RunDir: t.TempDir(), PortBase: 7}, t.TempDir())
	require.NoError(t, err)
	require.NoError(t, l.WriteEnv())
	out, err := stack(t, "env", "--run-dir", l.Run)
	require.NoError(t, err)
	require.Equal(t, l.Env(), out)
}

// clean removes what the stack has made and nothing else that lies beside it.
func TestCleanLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"data/kafka/log", "logs", "pids", "bin", "tools"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, path), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "env"), nil, 0o600))
	_, err := stack(t, "clean", "--run-dir", dir)
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "tools", left[0].Name())
}

// A second stack of the same RUN_DIR is refused until the first has ended.
func TestLock(t *testing.T) {
	l, err := layout.New(layout.Config{RunDir: t.TempDir()}, t.TempDir())
	require.NoError(t, err)
	unlock, err := lock(l)
	require.NoError(t, err)
	_, err = lock(l)
	require.ErrorIs(t, err, errRunning)
	unlock()
	require.NoFileExists(t, l.SupervisorPID())
	unlock, err = lock(l)
	require.NoError(t, err)
	unlock()
}

// A run that is refused because another stack is at work leaves that one's log
// as it is.
func TestRefusedRunKeepsTheLog(t *testing.T) {
	l, err := layout.New(layout.Config{RunDir: t.TempDir()}, t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(l.LogDir(), 0o700))
	require.NoError(t, os.WriteFile(supervisorLog(l), []byte("kafka is up\n"), 0o600))
	unlock, err := lock(l)
	require.NoError(t, err)
	defer unlock()

	_, err = stack(t, "run", "--run-dir", l.Run)
	require.ErrorIs(t, err, errRunning)
	log, err := os.ReadFile(supervisorLog(l))
	require.NoError(t, err)
	require.Equal(t, "kafka is up\n", string(log))
}

// Ctrl-C is the end of a run that has none of its own and the failure of one
// that was to reconcile, unless it comes after the reconciliation.
func TestOutcome(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	broken := errors.New("kafka: ended")
	for name, test := range map[string]struct {
		interrupted bool
		length      time.Duration
		err, want   error
	}{
		"ended by itself":            {false, time.Minute, nil, nil},
		"differences":                {false, time.Minute, errDifferences, errDifferences},
		"failed start":               {false, 0, broken, broken},
		"Ctrl-C":                     {true, 0, context.Canceled, nil},
		"Ctrl-C before reconciling":  {true, time.Minute, context.Canceled, errInterrupted},
		"Ctrl-C after agreement":     {true, time.Minute, nil, nil},
		"Ctrl-C after a difference":  {true, time.Minute, errDifferences, errDifferences},
		"Ctrl-C that broke the end":  {true, 0, broken, nil},
		"Ctrl-C that broke the work": {true, time.Minute, broken, errInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if test.interrupted {
				ctx = ended
			}
			require.Equal(t, test.want, outcome(ctx, test.length, test.err))
		})
	}
}

// Each start begins with empty logs and keeps those of the one before.
func TestKeepOldLogs(t *testing.T) {
	l, err := layout.New(layout.Config{RunDir: t.TempDir()}, t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(l.LogDir(), 0o700))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(l.LogDir(), name), []byte(text), 0o600))
	}
	write("kafka.log.old", "first")
	write("kafka.log", "second")
	write("stack.log", "this one")
	require.NoError(t, keepOldLogs(l))
	require.NoFileExists(t, filepath.Join(l.LogDir(), "kafka.log"))
	old, err := os.ReadFile(filepath.Join(l.LogDir(), "kafka.log.old"))
	require.NoError(t, err)
	require.Equal(t, "second", string(old))
	require.FileExists(t, supervisorLog(l))
}

// The progress of a start ends with the line that says so, and is no success
// without it.
func TestFollow(t *testing.T) {
	for text, ready := range map[string]bool{
		"kafka is up\n" + allReady + "\nmore": true,
		"kafka is up\n":                       false,
		"":                                    false,
	} {
		var out strings.Builder
		require.Equal(t, ready, follow(strings.NewReader(text), &out), text)
		require.NotContains(t, out.String(), "more")
		require.NotContains(t, out.String(), "\nready\n")
	}
}

// A report of several lines stays one block under its part's name.
func TestReporter(t *testing.T) {
	var out bytes.Buffer
	reporter(&out)(supervisor.Report{Part: "redis", Text: "ended\nend of log\nagain"})
	require.Equal(t, "redis          ended\n               end of log\n               again\n", out.String())
}

// What happens while a table is drawn in place is kept until it is gone; where
// there is no terminal nothing is held back.
func TestHeld(t *testing.T) {
	var out bytes.Buffer
	h := &held{out: &out}
	release := h.hold()
	_, err := h.Write([]byte("redis has died\n"))
	require.NoError(t, err)
	require.Equal(t, "redis has died\n", out.String(), "not a terminal")

	h.holding = true
	_, err = h.Write([]byte("redis is ready\n"))
	require.NoError(t, err)
	require.Equal(t, "redis has died\n", out.String())
	release()
	require.Equal(t, "redis has died\nredis is ready\n", out.String())
}

// The wait for the last records is told once a change, not once a second.
func TestChanges(t *testing.T) {
	var out strings.Builder
	tell := changes(&out)
	for _, waitingFor := range []string{"users", "users", "posts", "users"} {
		tell(waitingFor)
	}
	require.Equal(t, "waiting: users\nwaiting: posts\nwaiting: users\n", out.String())
}

// The board shows what is wrong with a part, or else that it was.
func TestBoardParts(t *testing.T) {
	shown := boardParts([]supervisor.Status{
		{Part: "migrate", State: supervisor.Done},
		{Part: "kafka", State: supervisor.Ready, Restarts: 2},
		{Part: "redis", State: supervisor.Restarting, Restarts: 1, Problem: "ended (signal: killed)"},
	})
	require.True(t, shown[0].Ready)
	require.Empty(t, shown[0].Note)
	require.True(t, shown[1].Ready)
	require.Equal(t, "started again 2 times", shown[1].Note)
	require.False(t, shown[2].Ready)
	require.Equal(t, "ended (signal: killed)", shown[2].Note)
}
