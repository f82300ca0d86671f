package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

// scale is how much a run measures.
type scale struct {
	// events is the number of events of 300 B in a backlog; those of 1.6 kB are half
	// as many. Each is measured that often.
	events, rounds int
	// length is how long a load lasts.
	length time.Duration
	// trusted is how long ClickHouse is up before the clock starts: what is stored soon
	// after its start is looked for as well, which costs more than storing it.
	trusted time.Duration
}

// world is the servers, and what has been put into them.
type world struct {
	scale   scale
	cluster *clustertest.Cluster
	kafka   *kafkaio.Client
	backlog *backlog
	http    *http.Client
	bin     string
	dir     string
	members int

	// sent is how many unique events are on their way or stored.
	sent int64
	rows []row
}

func start(t *testing.T, kafka string, scale scale) *world {
	t.Helper()
	bin, err := chtest.Compile("bench/bin", nil, "./services/events-ingest/cmd/events-ingest", "./tilt/stack/cmd/stack")
	require.NoError(t, err)
	w := &world{
		scale: scale, bin: bin, dir: t.TempDir(), http: &http.Client{Transport: &http.Transport{}},
		cluster: clustertest.Start(t, clustertest.Options{Kafka: kafka, Merges: true}),
	}
	t.Cleanup(w.http.CloseIdleConnections)
	w.kafka = kafkaio.New(w.cluster.Kafka.Brokers())
	t.Cleanup(w.kafka.Close)
	w.backlog = newBacklog(t, w.cluster.Kafka.Brokers())
	return w
}

func (w *world) add(r row) { w.rows = append(w.rows, r) }

const (
	pollEvery   = 20 * time.Millisecond
	drainWithin = 3 * time.Minute
)

// await polls until something holds, which may end the test.
func (*world) await(tb testing.TB, within time.Duration, what string, holds func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), within)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			require.Fail(tb, "not within "+within.String(), what)
		case <-poll.C:
		}
	}
}

func (w *world) get(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return w.http.Do(request)
}

// number runs a query for one number.
func (w *world) number(t *testing.T, sql string) int64 {
	t.Helper()
	text, err := w.cluster.ClickHouse.Do(t.Context(), sql, nil)
	require.NoError(t, err)
	var n int64
	_, err = fmt.Sscan(text, &n)
	require.NoError(t, err)
	return n
}

func (w *world) stored(t *testing.T) int64 {
	t.Helper()
	return w.number(t, "SELECT count() FROM post_events")
}

// awaitDone waits until all that was sent is stored and its offsets are committed.
func (w *world) awaitDone(t *testing.T) {
	t.Helper()
	w.await(t, drainWithin, "everything is stored", func() bool { return w.stored(t) >= w.sent })
	ends, err := w.kafka.Ends(t.Context(), topic)
	require.NoError(t, err)
	w.await(t, drainWithin, "everything is committed", func() bool {
		committed, err := w.kafka.Committed(t.Context(), "nova-events-ingest", topic, len(ends))
		require.NoError(t, err)
		for partition, end := range ends {
			if committed[partition] < end {
				return false
			}
		}
		return true
	})
}

// requireExact fails the run when an event is lost or stored twice.
func (w *world) requireExact(t *testing.T) {
	t.Helper()
	w.awaitDone(t)
	const notInViews = " + countIf(event_type = 'post_impression') FROM post_events"
	for _, sql := range []string{
		"SELECT count() FROM post_events", "SELECT uniqExact(event_id) FROM post_events",
		"SELECT (SELECT sum(views + likes + comments + shares) FROM post_engagement_hourly)" + notInViews,
		"SELECT (SELECT sum(views + likes + comments + shares) FROM post_engagement_minutely)" + notInViews,
	} {
		require.Equal(t, w.sent, w.number(t, sql), sql)
	}
}

// inserts is the number of inserts into post_events so far: each takes the next block
// number of the month, and a merge takes none.
func (w *world) inserts(t *testing.T) int64 {
	t.Helper()
	return w.number(t, "SELECT max(max_block_number) FROM system.parts WHERE database = 'nova' AND table = 'post_events'")
}

// loaded is what `stack load` reports; it has more.
type loaded struct {
	Requests       int            `json:"requests"`
	Events         int            `json:"events"`
	AcceptedEvents int            `json:"accepted_events"`
	Copies         int            `json:"copies"`
	HeldBack       int            `json:"held_back_requests"`
	Failures       map[string]int `json:"failures"`
	Seconds        float64        `json:"elapsed_seconds"`
	Latency        quantiles      `json:"latency"`
	Probes         int            `json:"probes"`
	Freshness      quantiles      `json:"freshness"`
	LastFailure    string         `json:"last_probe_failure"`
	NotSent        int            `json:"not_sent_requests"`
}

type quantiles struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// load runs the load tool against a member, and requires that it accepts everything.
func (w *world) load(t *testing.T, m *member, args ...string) loaded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), w.scale.length+time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(w.bin, "stack"), append([]string{
		"load", "--json", "--url", m.api, "--clickhouse", w.cluster.ClickHouse.Addr, "--run-dir", w.dir,
	}, args...)...)
	root, err := chtest.Workspace()
	require.NoError(t, err)
	command.Dir, command.Env = root, w.cluster.Environment()
	output, err := outputOf(command)
	require.NoError(t, err, string(output))
	var report loaded
	require.NoError(t, json.Unmarshal(output, &report))
	require.Equal(t, report.Events, report.AcceptedEvents, "%v", report.Failures)
	require.Zero(t, report.NotSent)
	w.sent += int64(report.AcceptedEvents - report.Copies + report.Probes)
	return report
}

// outputOf runs a command; its error ends with what the command says about it.
func outputOf(command *exec.Cmd) ([]byte, error) {
	output, err := command.Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = fmt.Errorf("%w: %s", err, ended.Stderr)
	}
	return output, err
}
