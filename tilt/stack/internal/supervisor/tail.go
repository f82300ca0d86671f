package supervisor

import (
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	tailBytes = 4 << 10
	tailLines = 15
)

// tail returns the end of the log at path, indented, under a line that says
// where it is.
func tail(path string) string {
	end, err := readEnd(path)
	if err != nil {
		return fmt.Sprintf("(no log: %v)", err)
	}
	lines := strings.Split(strings.TrimRight(end, "\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("end of %s:\n  | %s", path, strings.Join(lines, "\n  | "))
}

func readEnd(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // a log of this stack
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	if _, err := file.Seek(max(0, size-tailBytes), io.SeekStart); err != nil {
		return "", err
	}
	content, err := io.ReadAll(file)
	return string(content), err
}
