package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// Marked returns the running processes whose environment has this entry, by their
// command lines. A process that has ended and is not yet waited for has none.
func Marked(entry string) (map[int]string, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	found := map[int]string{}
	for _, dir := range dirs {
		environment, err := os.ReadFile(filepath.Join(dir, "environ")) //nolint:gosec // the system's own
		if err != nil || !hasEntry(environment, entry) {
			continue // it has ended, or is another user's
		}
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline")) //nolint:gosec // the system's own
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		found[pid] = string(bytes.TrimSpace(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return found, nil
}

func hasEntry(environment []byte, entry string) bool {
	for one := range bytes.SplitSeq(environment, []byte{0}) {
		if string(one) == entry {
			return true
		}
	}
	return false
}
