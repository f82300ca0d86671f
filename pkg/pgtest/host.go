package pgtest

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// binaries returns the directory of PostgreSQL's programs, the newest version
// where several are installed.
func binaries(tb testing.TB) string {
	tb.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	newest, directory := -1, ""
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	require.NoError(tb, err)
	for _, path := range found {
		bin := filepath.Dir(path)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin))); err == nil && version > newest {
			newest, directory = version, bin
		}
	}
	require.NotEmpty(tb, directory, "PostgreSQL is not installed: run make deps")
	return directory
}

// directory makes the server's home, owned by the user that runs it. It is not
// t.TempDir, whose parent is closed to other users.
func directory(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pgtest-") //nolint:usetesting // see above
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if c := credential(tb); c != nil {
		require.NoError(tb, os.Chown(dir, int(c.Uid), int(c.Gid)))
	}
	return dir
}

// credential returns whom the server runs as: nil means the caller.
func credential(tb testing.TB) *syscall.Credential {
	tb.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	require.NoError(tb, err)
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	require.NoError(tb, err)
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	require.NoError(tb, err)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// workspace returns the directory that holds go.work.
func workspace(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	require.NoError(tb, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(tb, parent, dir, "no go.work above the test")
		dir = parent
	}
}
