package redistest_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/redistest"
)

func TestMain(m *testing.M) {
	if os.Getenv("REDISTEST_ORPHAN") != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

// A write that was acknowledged survives a crash of the server.
func TestKillKeepsAcknowledgedWrites(t *testing.T) {
	server := redistest.Start(t)
	require.Equal(t, "OK", server.Do("SET", "key", "value"))
	addr := server.Addr
	server.Kill()
	server.Restart()
	require.Equal(t, addr, server.Addr)
	require.Equal(t, "value", server.Do("GET", "key"))
	require.Empty(t, server.Do("GET", "other"))
}

// Stop ends the server for its clients, Restart brings it back with its data.
func TestStopAndRestart(t *testing.T) {
	server := redistest.Start(t, redistest.WithArguments("--maxmemory-policy", "allkeys-lru"))
	require.Equal(t, "2", server.Do("RPUSH", "list", "a", "b"))
	server.Stop()
	server.Restart()
	require.Equal(t, "a\nb", server.Do("LRANGE", "list", "0", "-1"))
	require.Contains(t, server.Do("CONFIG", "GET", "maxmemory-policy"), "allkeys-lru")
	require.True(t, strings.HasPrefix(server.Do("NONSENSE"), "-ERR"))
}

// A test process that is killed leaves no server behind.
func TestServerEndsWithItsTestProcess(t *testing.T) {
	if addrFile := os.Getenv("REDISTEST_ORPHAN"); addrFile != "" {
		server := redistest.Start(t)
		require.NoError(t, os.WriteFile(addrFile, []byte(server.Do("INFO", "server")), 0o600))
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	}
	addrFile := t.TempDir() + "/info"
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run", t.Name())
	command.Env = append(os.Environ(), "REDISTEST_ORPHAN="+addrFile)
	require.Error(t, command.Run())

	info, err := os.ReadFile(addrFile)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(info), "process_id:")
	require.True(t, found)
	pid, _, _ := strings.Cut(rest, "\r\n")
	require.Eventually(t, func() bool {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		return err != nil || strings.Contains(string(status), "State:\tZ")
	}, 5*time.Second, 10*time.Millisecond)
}
