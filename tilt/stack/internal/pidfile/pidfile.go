package pidfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Process is one process, not its id: another one with the same id is not it.
type Process struct {
	PID int
	// start is in clock ticks since the machine started.
	start uint64
}

// Of returns the running process that has pid.
func Of(pid int) (Process, error) {
	start, running, err := lookUp(pid)
	if err != nil {
		return Process{}, fmt.Errorf("looking up process %d: %w", pid, err)
	}
	if !running {
		return Process{}, fmt.Errorf("looking up process %d: %w", pid, os.ErrProcessDone)
	}
	return Process{PID: pid, start: start}, nil
}

// Write stores p in the file at path, whole or not at all.
func (p Process) Write(path string) error {
	next := path + ".next"
	if err := os.WriteFile(next, fmt.Appendf(nil, "%d %d\n", p.PID, p.start), 0o600); err != nil {
		return fmt.Errorf("writing a pid file: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("writing a pid file: %w", err)
	}
	return nil
}

// Read returns the process that the file at path names, if it is still alive.
func Read(path string) (Process, bool) {
	content, err := os.ReadFile(path) //nolint:gosec // a pid file of this stack
	if err != nil {
		return Process{}, false
	}
	var p Process
	if _, err := fmt.Sscanf(string(content), "%d %d\n", &p.PID, &p.start); err != nil {
		return Process{}, false
	}
	return p, p.Alive()
}

// Alive tells whether p still runs. One that has ended but was not yet collected
// by its parent does not.
func (p Process) Alive() bool {
	start, running, err := lookUp(p.PID)
	return err == nil && running && start == p.start
}

// Signal sends signal to p. It returns os.ErrProcessDone when p has ended.
func (p Process) Signal(signal syscall.Signal) error {
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return fmt.Errorf("finding process %d: %w", p.PID, err)
	}
	defer func() { _ = handle.Release() }()
	if !p.Alive() {
		return os.ErrProcessDone
	}
	return handle.Signal(signal)
}

// lookUp reads the start time and whether the process runs from /proc/<pid>/stat,
// whose second field is a name in parentheses that may itself hold anything.
func lookUp(pid int) (start uint64, running bool, err error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, false, err
	}
	const stateField, startField = 0, 19 // of those behind the name
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startField {
		return 0, false, errors.New("unexpected form of /proc/<pid>/stat")
	}
	start, err = strconv.ParseUint(string(fields[startField]), 10, 64)
	state := fields[stateField][0]
	return start, state != 'Z' && state != 'X', err
}
