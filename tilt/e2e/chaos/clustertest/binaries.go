package clustertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// programs are what a cluster runs.
var programs = []string{ //nolint:gochecknoglobals // a list
	"./services/events-ingest/cmd/events-ingest", "./services/cdc-ingest/cmd/cdc-ingest",
	"./services/invalidator/cmd/invalidator", "./services/jobs/cmd/jobs", "./tilt/stack/cmd/stack",
}

// buildOnce compiles the programs at the first call and returns the same directory,
// or the same error, at every other.
var buildOnce = sync.OnceValues(build) //nolint:gochecknoglobals // once in a test process, whatever test comes first

// build compiles into .run/chaos of the workspace. Test processes that run side by
// side take turns.
func build() (dir string, err error) {
	root, err := workspace()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, ".run", "chaos")
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
	command := exec.CommandContext(context.Background(), "go", append([]string{"build", "-o", dir + "/"}, programs...)...) //nolint:gosec // below the workspace
	command.Dir = root
	// With its temporary files on the same file system, go renames the binary into
	// place; it cannot overwrite one that another test is running.
	command.Env = append(command.Environ(), "GOTMPDIR="+dir)
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	return dir, nil
}

// workspace returns the directory of go.work, at or above the working directory.
func workspace() (string, error) {
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
