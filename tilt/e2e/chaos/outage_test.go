package chaos_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
)

const (
	// mostMemory is what a member may use.
	mostMemory = 256 << 20
	// opensAfter is how many failures open the breaker, and lanesOfMember how many
	// inserts a member can have under way with half of the partitions.
	opensAfter, lanesOfMember = 3, 2
	// catchUp is how much faster than the live rate a backlog must go.
	catchUp = 3
)

// An outage of ClickHouse pauses the members and costs nothing: the breaker opens
// within three failures, memory stays bounded, /readyz says degraded and why with
// status 200, the lag shows and grows; afterwards it goes at three times the live
// rate, and nothing is lost or doubled.
//
// CHAOS_OUTAGE_SECONDS is how long it lasts.
func TestOutage(t *testing.T) {
	const rate = 5000
	outage := time.Duration(number(t, "CHAOS_OUTAGE_SECONDS", 10)) * time.Second
	l := newLoaded(t, rate)
	members := l.cluster.Replicas(schedule.EventsIngest)
	before := l.failures(members)

	l.cluster.ClickHouse.Kill()
	killed := time.Now()
	memory := l.watchOutage(members, outage, before)
	l.cluster.RestartClickHouse()
	restarted, backlog := time.Now(), l.load.count()-l.stored()

	l.await("the lag is gone", func() bool { return l.load.count()-l.stored() < rate/2 })
	took := time.Since(restarted)
	drained := float64(backlog)/took.Seconds() + rate
	t.Logf("outage of %v at %d events/s: backlog %d, gone %.1fs after the return at %.0f events/s (%.1f times the live rate); most memory %d MiB",
		restarted.Sub(killed).Round(time.Second), rate, backlog, took.Seconds(), drained, drained/rate, memory>>20)
	for _, member := range members {
		status, answer := member.Call(t.Context(), http.MethodGet, "/readyz", nil)
		t.Logf("%s: %d %s", member.Name(), status, answer)
	}
	l.requireExact()
	if isMeasured() {
		assert.GreaterOrEqual(t, drained, float64(catchUp*rate))
	}
	assert.Less(t, memory, int64(mostMemory))
	assert.Empty(t, l.cluster.Problems())
}

// failures is how many attempts to insert each member has counted as failed.
func (l *loaded) failures(members []*clustertest.Instance) []float64 {
	var counts []float64
	for _, member := range members {
		counts = append(counts, l.metric(member, "clickhouse_errors_total"))
	}
	return counts
}

// watchOutage looks at the members until the outage is over, and returns the most
// memory that one of them used.
func (l *loaded) watchOutage(members []*clustertest.Instance, outage time.Duration, failedBefore []float64) int64 {
	l.t.Helper()
	over := time.Now().Add(outage)
	for i, member := range members {
		l.await("the breaker is open", func() bool { return l.metric(member, "breaker_state") > 0 })
		failed := l.metric(member, "clickhouse_errors_total") - failedBefore[i]
		l.t.Logf("%s: the breaker is open after %.0f failures", member.Name(), failed)
		assert.LessOrEqual(l.t, failed, float64(opensAfter+lanesOfMember-1), "those that open it, and those under way then")
		status, answer := member.Call(context.Background(), http.MethodGet, "/readyz", nil)
		l.t.Logf("%s: /readyz %d %s", member.Name(), status, strings.TrimSpace(answer))
		assert.Equal(l.t, http.StatusOK, status)
		assert.Contains(l.t, answer, `"status":"degraded"`)
		assert.Contains(l.t, strings.ToLower(answer), "clickhouse")
	}
	lag := l.lag(members)
	var most int64
	for time.Now().Before(over) {
		for _, member := range members {
			most = max(most, residentBytes(l.t, member.Process().PID()))
		}
		<-time.After(200 * time.Millisecond)
	}
	later := l.lag(members)
	l.t.Logf("consumer_lag grew from %.0f to %.0f", lag, later)
	assert.Greater(l.t, later, lag+outage.Seconds()*float64(l.load.rate)/4)
	return most
}

func (l *loaded) lag(members []*clustertest.Instance) float64 {
	var sum float64
	for _, member := range members {
		sum += l.metric(member, "consumer_lag")
	}
	return sum
}

// metric is the sum over a metric's samples, 0 without any.
func (l *loaded) metric(member *clustertest.Instance, name string) float64 {
	_, text := member.Call(context.Background(), http.MethodGet, "/metrics", nil)
	var sum float64
	for line := range strings.Lines(text) {
		fields := strings.Fields(line) // a label's value may have spaces; the number is the last
		if label, _, _ := strings.Cut(line, "{"); label != name && (len(fields) == 0 || fields[0] != name) {
			continue
		}
		if n, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			sum += n
		}
	}
	return sum
}

// residentBytes is how much memory a process uses.
func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kilobytes int64
		if _, err := fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	require.Fail(t, "no VmRSS", "process %d", pid)
	return 0
}
