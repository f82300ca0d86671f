package bench_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// machine is where and when a run was.
type machine struct {
	Time      string `json:"time"`
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	MemoryMiB int64  `json:"memory_mib"`
	System    string `json:"system"`
	Go        string `json:"go"`
	// LoadAverage is that of the last minute before the run: above some tenths of the
	// cores, something else ran.
	LoadAverage float64 `json:"load_average"`
	Kafka       string  `json:"kafka"`
	// Commit is that of the code, with a + where files are changed.
	Commit string `json:"commit"`
}

// String is the line above the table.
func (m machine) String() string {
	return fmt.Sprintf("%s, commit %s, Kafka %s\n%d cores (%s), %d MiB, %s, %s, load average %.2f",
		m.Time, m.Commit, m.Kafka, m.Cores, m.Processor, m.MemoryMiB, m.System, m.Go, m.LoadAverage)
}

// thisMachine reads what the system says; what it does not say stays empty.
func thisMachine(ctx context.Context, kafka string) machine {
	m := machine{
		Time: time.Now().UTC().Format(time.RFC3339), Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(), Kafka: kafka,
		System: runtime.GOOS + " " + runtime.GOARCH, Processor: field("/proc/cpuinfo", "model name"),
	}
	var kilobytes int64
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kilobytes); err == nil {
		m.MemoryMiB = kilobytes >> 10
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &m.LoadAverage)
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System = runtime.GOOS + " " + strings.TrimSpace(string(text)) + " " + runtime.GOARCH
	}
	if text, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty=+").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(text))
	}
	return m
}

// field is the value of the first line of that name in a file of the kernel's.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// A run says where it was, or its numbers mean nothing.
func TestMachine(t *testing.T) {
	m := thisMachine(t.Context(), "kfake")
	assert.NotZero(t, m.Cores)
	assert.NotZero(t, m.MemoryMiB)
	assert.Contains(t, m.String(), m.Go)
}
