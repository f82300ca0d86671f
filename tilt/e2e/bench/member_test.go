package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/tilt/e2e/chaos/process"
)

// member is a process of events-ingest.
type member struct {
	t          *testing.T
	process    *process.Process
	api, admin string
}

const (
	readyWithin  = time.Minute
	answerWithin = 5 * time.Second
	stopWithin   = 30 * time.Second
)

// startMember runs events-ingest with its defaults, but for the servers and more.
func (w *world) startMember(t *testing.T, more ...string) *member {
	t.Helper()
	w.members++
	name := fmt.Sprintf("events-ingest-%d", w.members)
	m := &member{t: t, api: "http://" + servicetest.FreeAddress(t), admin: "http://" + servicetest.FreeAddress(t)}
	log := filepath.Join(w.dir, name+".log")
	var err error
	m.process, err = process.Start(process.Spec{
		Name: name, Path: filepath.Join(w.bin, "events-ingest"), Dir: w.dir, Log: log,
		Env: append(append(w.cluster.Environment(),
			"KAFKA_BROKERS="+strings.Join(w.cluster.Kafka.Brokers(), ","), "CLICKHOUSE_ADDR="+w.cluster.ClickHouse.Addr, "REDIS_ADDR="+w.cluster.Redis.Addr,
			"HTTP_ADDR="+strings.TrimPrefix(m.api, "http://"), "ADMIN_ADDR="+strings.TrimPrefix(m.admin, "http://"),
			// It stands still while a backlog is made.
			"SESSION_TIMEOUT=4m"), more...),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		m.process.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("end of the log of %s:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
	w.await(t, readyWithin, name+" is ready", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
		defer cancel()
		response, err := w.get(ctx, m.admin+"/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return m
}

// stop ends the member as an orchestrator does.
func (m *member) stop() {
	m.t.Helper()
	require.NoError(m.t, m.process.Stop(stopWithin))
}

// ticksPerSecond is USER_HZ, in which the system tells processor time on every
// architecture that Go runs on.
const ticksPerSecond = 100

// processorTime is what the process has used so far, as getrusage sums it, all
// threads and the kernel's work for them included.
func (m *member) processorTime() time.Duration {
	m.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.process.PID()))
	require.NoError(m.t, err)
	used, err := parseStat(string(text))
	require.NoError(m.t, err)
	return used
}

// parseStat reads user and system time (proc(5), fields 14 and 15), behind a name that
// may hold anything.
func parseStat(text string) (time.Duration, error) {
	const user, system = 14 - 3, 15 - 3 // the first field behind the name is number 3
	_, fields, ok := cutLast(text, ")")
	all := strings.Fields(fields)
	if !ok || len(all) <= system {
		return 0, fmt.Errorf("reading processor time: %q", text)
	}
	var ticks int64
	for _, one := range []string{all[user], all[system]} {
		n, err := strconv.ParseInt(one, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// resetPeak makes the kernel forget the most memory that the process has used.
func (m *member) resetPeak() {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", m.process.PID()), []byte("5"), 0))
}

// peakMiB is the most resident memory since then.
func (m *member) peakMiB() float64 {
	m.t.Helper()
	var kilobytes int64
	_, err := fmt.Sscan(field(fmt.Sprintf("/proc/%d/status", m.process.PID()), "VmHWM"), &kilobytes)
	require.NoError(m.t, err)
	return float64(kilobytes) / 1024
}

// profile stores a processor profile of the next seconds. The channel is closed when
// it is there.
func (w *world) profile(t *testing.T, m *member, path string, seconds int) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer close(done)
		response, err := w.get(context.WithoutCancel(t.Context()), fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", m.admin, seconds))
		if err != nil {
			done <- err
			return
		}
		defer func() { _ = response.Body.Close() }()
		content, err := io.ReadAll(response.Body)
		if err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
		done <- err
	}()
	return done
}

// Processor time is user and system time, whatever the process is called.
func TestParseStat(t *testing.T) {
	used, err := parseStat("7 (a) R (b)) S 1 7 7 0 -1 4194560 5 0 0 0 150 25 9 9 20 0 1 0 100 1000 1 1\n")
	require.NoError(t, err)
	assert.Equal(t, 1750*time.Millisecond, used)
	for _, text := range []string{"", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 4194560 5 0 0 0 x 25"} {
		_, err = parseStat(text)
		assert.ErrorContains(t, err, "reading processor time")
	}
}
