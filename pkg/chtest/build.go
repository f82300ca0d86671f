package chtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

const serverPackage = "github.com/nova-data/nova/tilt/stack/cmd/chserver"

// buildOnce compiles the server at the first call and returns the same path, or the
// same error, at every other.
var buildOnce = sync.OnceValues(build) //nolint:gochecknoglobals // once in a test process, whatever test comes first

// Binary returns the path of the compiled server.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := buildOnce()
	if err != nil {
		tb.Fatalf("building the ClickHouse server: %v", err)
	}
	return path
}

func build() (string, error) {
	dir, err := Compile("chtest", []string{"CGO_ENABLED=0"}, serverPackage)
	return filepath.Join(dir, filepath.Base(serverPackage)), err
}

// Compile compiles main packages of the workspace into the directory of that name
// below its .run, and returns its path. The environment is that of the process and
// more. Test processes that run side by side take turns, and find the programs up to
// date but for the first.
func Compile(name string, more []string, packages ...string) (dir string, err error) {
	root, err := Workspace()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, ".run", name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below the workspace
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("waiting for another build: %w", err)
	}
	arguments := append([]string{"build", "-o", dir + "/"}, packages...)
	command := exec.CommandContext(context.Background(), "go", arguments...) //nolint:gosec // below the workspace
	command.Dir = root
	// With its temporary files on the same file system, go renames the binary into
	// place; it cannot overwrite one that another test is running.
	command.Env = append(append(command.Environ(), "GOTMPDIR="+dir), more...)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	return dir, nil
}

// Workspace returns the directory of go.work, at or above the working directory.
func Workspace() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.work at or above the working directory")
		}
		dir = parent
	}
}
