package apicontract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nova-data/nova/pkg/chtest"
)

const (
	requirements = "requirements.txt"
	// installTimeout is for 30 packages over a slow network.
	installTimeout = 5 * time.Minute
)

// schemathesis installs the program at the first call, where it is missing, and
// returns its path, or the same error, at every other.
var schemathesis = sync.OnceValues(install)

func install() (path string, err error) {
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	root, err := chtest.Workspace()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(pinned)
	dir := filepath.Join(root, ".run", "schemathesis", hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("waiting for another installation: %w", err)
	}
	environment, whole := filepath.Join(dir, "env"), filepath.Join(dir, "whole")
	path = filepath.Join(environment, "bin", "schemathesis")
	if _, err := os.Stat(whole); err == nil {
		return path, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	for _, command := range [][]string{
		{"python3", "-m", "venv", "--clear", environment},
		{filepath.Join(environment, "bin", "pip"), "install", "--quiet", "--no-input", "-r", requirements},
	} {
		if output, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("installing Schemathesis by %q (needed: Python 3.10 or later with venv and pip, such as Debian's python3-venv): %w\n%s",
				command, err, output)
		}
	}
	// An installation that was cut off has no such file and is made anew.
	return path, os.WriteFile(whole, nil, 0o600)
}
