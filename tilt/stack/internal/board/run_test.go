package board

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/nova-data/nova/tilt/stack/internal/traffic"
)

// service stands in for a service's admin server; with nothing to expose it is
// out of order.
func service(t *testing.T, metrics *atomic.Pointer[string]) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/metrics", r.URL.Path)
		if text := metrics.Load(); text != nil {
			_, _ = io.WriteString(w, *text)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func expose(metrics *atomic.Pointer[string], lines ...string) {
	text := strings.Join(lines, "\n") + "\n"
	metrics.Store(&text)
}

// Rates and freshness are those of the last seconds; a service that does not
// answer shows as unknown and leaves the rest alone.
func TestCollector(t *testing.T) {
	var cdc, events atomic.Pointer[string]
	var counters traffic.Counters
	c := &collector{client: &http.Client{Transport: &http.Transport{}}, sources: Sources{
		Traffic:  func() traffic.Counters { return counters },
		Parts:    func() []Part { return []Part{{Name: "kafka", State: "ready", Ready: true}} },
		Services: Services{CDCIngest: service(t, &cdc), EventsIngest: service(t, &events)},
	}}
	t.Cleanup(c.client.CloseIdleConnections)
	start := time.Now()
	c.started = start
	expose(&cdc, lagMetric+`{partition="0"} 7`, oldestMetric+`{partition="0"} 0.5`, publishedMetric+`{topic="cdc-dlq"} 1`, publishedMetric+`{topic="else"} 5`,
		commitFreshnessMetric+`_bucket{le="1"} 5`, commitFreshnessMetric+`_bucket{le="2"} 5`, commitFreshnessMetric+`_bucket{le="+Inf"} 5`)
	first := c.view(t.Context(), start)
	assert.Equal(t, []Group{{"cdc-ingest", 7, 0.5, 1}, {"events-ingest", -1, -1, -1}}, first.Groups)
	assert.Equal(t, Rate{"duplicates dropped", -1, -1}, first.Rates[3])

	counters = traffic.Counters{Changes: 80, Events: 600, Duplicates: 24}
	expose(&cdc, lagMetric+" 0", publishedMetric+`{topic="cdc-dlq"} 1`, publishedMetric+`{topic="else"} 5`,
		commitFreshnessMetric+`_bucket{le="1"} 5`, commitFreshnessMetric+`_bucket{le="2"} 15`, commitFreshnessMetric+`_bucket{le="+Inf"} 15`)
	expose(&events, duplicatesMetric+" 20")
	second := c.view(t.Context(), start.Add(2*time.Second))
	assert.Equal(t, []Rate{
		{"PostgreSQL rows changed", 40, 80},
		{"events accepted", 300, 600},
		{"duplicates sent", 12, 24},
		{"duplicates dropped", -1, 20},
		{"feed pages read", 0, 0},
	}, second.Rates)
	assert.Equal(t, Freshness{"commit to queryable", 1.5, 1.99}, second.Freshness[0])
	assert.Equal(t, 2*time.Second, second.Running)
	assert.Len(t, second.Parts, 1)

	third := c.view(t.Context(), start.Add(40*time.Second))
	assert.InDelta(t, 0, third.Rates[0].PerSecond, 0, "only the last window counts")
	assert.Len(t, c.history, 2)
}

// jobsAPI stands in for the API of jobs, which answers what is trending or is out
// of order.
func jobsAPI(t *testing.T, trending *atomic.Pointer[string]) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/v1/trending?window=1h&limit=5", r.URL.String())
		if text := trending.Load(); text != nil {
			_, _ = io.WriteString(w, *text)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// What the readers, the invalidator and the jobs tell of the caches is shown, in
// the board's own units; while a service is away it is dashes, and neither an old
// value nor a zero.
func TestCollectorOfCaches(t *testing.T) {
	var invalidator, jobs, trending atomic.Pointer[string]
	var counters traffic.Counters
	c := &collector{client: &http.Client{Transport: &http.Transport{}}, sources: Sources{
		Traffic: func() traffic.Counters { return counters },
		Services: Services{
			Invalidator: service(t, &invalidator), Jobs: service(t, &jobs), JobsAPI: jobsAPI(t, &trending),
		},
	}}
	t.Cleanup(c.client.CloseIdleConnections)
	start := time.Now()
	away := c.view(t.Context(), start)
	assert.Equal(t, []Group{{"invalidator", -1, -1, -1}, {"jobs", -1, -1, -1}}, away.Groups)
	assert.Equal(t, []Freshness{{"page gone by index", -1, -1}, {"page gone by sweep", -1, -1}}, away.Freshness)
	assert.Equal(t, []Fact{{"feed hit ratio", "–"}, {"feed reads failed", "0"}, {"breaker of jobs", "–"}}, away.Caches)
	assert.Equal(t, &Trending{}, away.Trending)
	assert.Equal(t, []Rate{{"feed pages read", -1, 0}, {"feed pages removed", -1, -1}, {"job refreshes", -1, -1}}, away.Rates[3:])

	lag := func(phase string, upTo200, upTo400 int) []string {
		return []string{
			fmt.Sprintf(`%s_bucket{phase=%q,le="200"} %d`, removalLagMetric, phase, upTo200),
			fmt.Sprintf(`%s_bucket{phase=%q,le="400"} %d`, removalLagMetric, phase, upTo400),
			fmt.Sprintf(`%s_bucket{phase=%q,le="+Inf"} %d`, removalLagMetric, phase, upTo400),
		}
	}
	said := func(pages int) []string {
		return append(lag("index", 0, 10), append(lag("sweep", 90, 90), fmt.Sprintf(`%s{phase="index"} %d`, removedMetric, pages), lagMetric+" 4")...)
	}
	expose(&invalidator, said(30)...)
	expose(&jobs, lagMetric+" 0", breakerMetric+`{dependency="clickhouse"} 1`, refreshesMetric+`{outcome="ok"} 6`, refreshesMetric+`{outcome="error"} 9`)
	text := `{"stale":true,"age_seconds":70,"posts":[{"post_id":"a","score":2.5,"cached_at":1},{"post_id":"b","score":1,"cached_at":1}]}`
	trending.Store(&text)
	counters = traffic.Counters{FeedReads: 100, FeedHits: 87, FeedFailures: 3}
	first := c.view(t.Context(), start.Add(2*time.Second))
	assert.Equal(t, []Group{{"invalidator", 4, -1, -1}, {"jobs", 0, -1, -1}}, first.Groups)
	assert.Equal(t, []Fact{{"feed hit ratio", "87 %"}, {"feed reads failed", "3"}, {"breaker of jobs", "open"}}, first.Caches)
	assert.Equal(t, &Trending{Stale: true, Posts: []Score{{"a", 2.5}, {"b", 1}}}, first.Trending)
	assert.InDelta(t, 0.3, first.Freshness[0].P50, 1e-9)
	assert.InDelta(t, 0.398, first.Freshness[0].P99, 1e-9)
	assert.Equal(t, []Rate{{"feed pages read", 50, 100}, {"feed pages removed", -1, 30}, {"job refreshes", -1, 6}}, first.Rates[3:])

	expose(&invalidator, said(50)...)
	text = `{"posts":`
	c.history = c.history[1:]
	second := c.view(t.Context(), start.Add(4*time.Second))
	assert.Equal(t, Rate{"feed pages removed", 10, 50}, second.Rates[4])
	assert.Equal(t, &Trending{}, second.Trending, "half an answer is none")
}

// Outside a terminal the board is one line at a time, and ends with its
// context.
func TestRunOnAPipe(t *testing.T) {
	read, out, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _, _ = read.Close(), out.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, out, Sources{Traffic: func() traffic.Counters { return traffic.Counters{} }}, time.Time{})
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "00:00 | PostgreSQL rows changed –/s | events accepted –/s | duplicates sent –/s | feed pages read –/s | feed hit ratio – | feed reads failed 0\n", line)
	cancel()
	require.NoError(t, <-ended)
}

// On a terminal the board draws in place, counts down to the planned end, and
// hands the terminal back.
func TestRunOnATerminal(t *testing.T) {
	keyboard, out := openTerminal(t, 80, 24)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	parts := func() []Part { return []Part{{Name: "kafka", State: "ready", Ready: true}} }
	go func() { ended <- Run(ctx, out, Sources{Parts: parts}, time.Now().Add(time.Hour)) }()

	shown := readUntil(t, keyboard, "ready  kafka"+endLine+endFrame)
	assert.True(t, strings.HasPrefix(shown, enterScreen))
	assert.Contains(t, shown, " to go")
	cancel()
	require.NoError(t, <-ended)
	assert.Contains(t, readUntil(t, keyboard, "ready  kafka\r\n"), leaveScreen)
}

// A closed output ends the board with an error.
func TestRunWithoutOutput(t *testing.T) {
	read, out, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	defer func() { _ = out.Close() }()
	require.ErrorIs(t, Run(t.Context(), out, Sources{}, time.Time{}), unix.EPIPE)
}

// openTerminal opens a pseudo-terminal: what is written to out is read from
// keyboard.
func openTerminal(t *testing.T, width, height uint16) (keyboard, out *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = keyboard.Close() })
	descriptor := int(keyboard.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(descriptor, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(descriptor, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(descriptor, unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}))
	out, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return keyboard, out
}

func readUntil(t *testing.T, from io.Reader, end string) string {
	t.Helper()
	var all strings.Builder
	chunk := make([]byte, 4096)
	for !strings.Contains(all.String(), end) {
		n, err := from.Read(chunk)
		require.NoError(t, err, "read so far: %q", all.String())
		all.Write(chunk[:n])
	}
	return all.String()
}
