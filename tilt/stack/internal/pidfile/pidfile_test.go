package pidfile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
)

const (
	waitFor = 10 * time.Second
	tick    = 10 * time.Millisecond
)

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "600")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// A process is found again by its file, and is gone from it as soon as it ended,
// collected or not: down must neither miss one nor wait for a dead one.
func TestFindsAProcessWhileItLives(t *testing.T) {
	cmd := sleeper(t)
	process, err := pidfile.Of(cmd.Process.Pid)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "part")
	require.NoError(t, process.Write(path))

	found, alive := pidfile.Read(path)
	require.True(t, alive)
	require.Equal(t, process, found)

	require.NoError(t, found.Signal(syscall.SIGKILL))
	require.Eventually(t, func() bool { return !found.Alive() }, waitFor, tick, "a zombie counts as ended")
	require.Error(t, cmd.Wait())
	_, alive = pidfile.Read(path)
	require.False(t, alive)
	require.ErrorIs(t, found.Signal(syscall.SIGKILL), os.ErrProcessDone)
}

// A process that was given the id of an ended one is never signalled.
func TestNeverSignalsAStranger(t *testing.T) {
	cmd := sleeper(t)
	process, err := pidfile.Of(cmd.Process.Pid)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "part")
	require.NoError(t, process.Write(path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(content[:len(content)-1], '7', '\n'), 0o600), "another start time")

	stranger, alive := pidfile.Read(path)
	require.False(t, alive)
	require.ErrorIs(t, stranger.Signal(syscall.SIGKILL), os.ErrProcessDone)
	require.True(t, process.Alive())
}

// A torn, empty or missing file names nobody.
func TestUnreadableFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "part")
	_, alive := pidfile.Read(path)
	require.False(t, alive)
	for _, content := range []string{"", "12", "x y\n", "1 0\n"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, alive = pidfile.Read(path)
		require.False(t, alive, content)
	}
}
