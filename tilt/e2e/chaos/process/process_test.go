package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/e2e/chaos/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shell(t *testing.T, script string) process.Spec {
	t.Helper()
	dir := t.TempDir()
	return process.Spec{
		Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir, Log: filepath.Join(dir, "log"),
		Env: []string{"PATH=" + os.Getenv("PATH"), "CHAOS_TEST=" + dir},
	}
}

func logged(r *process.Replica) string {
	text, _ := os.ReadFile(r.Log())
	return string(text)
}

// A replica that is killed is started again, and its kills are counted; one that
// ends by itself is a problem; a stopped one stays stopped and ends well.
func TestReplica(t *testing.T) {
	r, err := process.Keep(shell(t, `echo up; trap 'exit 0' TERM; while :; do sleep 0.01; done`))
	require.NoError(t, err)
	defer r.Close()
	up := func(times int) func() bool {
		return func() bool { return strings.Count(logged(r), "up") == times }
	}
	require.Eventually(t, up(1), 10*time.Second, 5*time.Millisecond)
	r.Process().Kill()
	require.Eventually(t, up(2), 10*time.Second, 5*time.Millisecond)
	assert.Equal(t, 1, r.Kills())
	require.NoError(t, r.Process().Pause())
	require.NoError(t, r.Stop(10*time.Second), "a paused one is resumed first")
	assert.Empty(t, r.Problems())

	r, err = process.Keep(shell(t, `echo up; exit 3`))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.Problems()) > 0 }, 10*time.Second, 5*time.Millisecond)
	assert.Equal(t, "shell ended by itself: exit status 3", r.Problems()[0])
	r.Close()
	assert.Zero(t, r.Kills())
}

// A process that ignores SIGTERM is killed in the end, which is an error.
func TestStopTooLate(t *testing.T) {
	r, err := process.Keep(shell(t, `trap '' TERM; echo up; while :; do sleep 0.01; done`))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return logged(r) != "" }, 10*time.Second, 5*time.Millisecond)
	require.ErrorContains(t, r.Stop(50*time.Millisecond), "stopping shell: it still runs 50ms after SIGTERM")
}

// Processes are found by an entry of their environment while they run.
func TestMarked(t *testing.T) {
	spec := shell(t, `exec sleep 60`)
	p, err := process.Start(spec)
	require.NoError(t, err)
	marked := func() map[int]string {
		found, err := process.Marked(spec.Env[1])
		require.NoError(t, err)
		return found
	}
	require.Eventually(t, func() bool { return marked()[p.PID()] == "sleep 60" }, 10*time.Second, 5*time.Millisecond)
	p.Kill()
	assert.Empty(t, marked())
}
