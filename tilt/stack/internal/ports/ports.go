package ports

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Use is a port that a part is going to listen on.
type Use struct {
	Part    string
	Address string
	// Variable, when not empty, names a server of the user's to use instead.
	Variable string
}

// Check returns an error that names each address that is taken.
func Check(uses []Use) error {
	var taken []string
	for _, use := range uses {
		listener, err := net.Listen("tcp", use.Address) //nolint:noctx // closed at once
		if err == nil {
			_ = listener.Close()
			continue
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("checking the port of %s: %w", use.Part, err)
		}
		taken = append(taken, describe(use))
	}
	if len(taken) == 0 {
		return nil
	}
	return fmt.Errorf("%s\nstop what listens there, or move the whole stack: PORT_BASE=n, such as 20000, is added to every port", strings.Join(taken, "\n"))
}

func describe(use Use) string {
	_, port, _ := net.SplitHostPort(use.Address)
	text := fmt.Sprintf("port %s, which %s needs, is taken", port, use.Part)
	if holder := holder(port); holder != "" {
		text += " by " + holder
	}
	if use.Variable != "" {
		text += fmt.Sprintf(" (to use that server: %s=…)", use.Variable)
	}
	return text
}

// holder returns name and id of a process that listens on port, or "".
func holder(port string) string {
	sockets := listeners(port)
	if len(sockets) == 0 {
		return ""
	}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, descriptor := range descriptors {
		target, err := os.Readlink(descriptor)
		if err != nil || !sockets[target] {
			continue
		}
		process := filepath.Dir(filepath.Dir(descriptor))
		name, err := os.ReadFile(filepath.Join(process, "comm")) //nolint:gosec // a file of /proc
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), filepath.Base(process))
	}
	return ""
}

// listeners returns the sockets that listen on port, named as the links in
// /proc/<pid>/fd name them.
func listeners(port string) map[string]bool {
	const listen = "0A"
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	suffix := fmt.Sprintf(":%04X", number)
	found := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table) //nolint:gosec // one of two constants
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			fields := strings.Fields(line)
			if len(fields) > 9 && fields[3] == listen && strings.HasSuffix(fields[1], suffix) {
				found["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return found
}
