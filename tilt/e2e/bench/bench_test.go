package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
)

// Every row of the table is measured, with a number that can be one, and all events
// that were sent on the way are stored exactly once. BENCH_FULL=1 measures at length
// and on Apache Kafka; otherwise the numbers prove nothing.
func TestBench(t *testing.T) {
	kafka, size := clustertest.Fake, scale{events: 12_000, rounds: 1, length: 2 * time.Second}
	isFull := os.Getenv("BENCH_FULL") != ""
	if isFull {
		kafka, size = clustertest.Apache, scale{events: 300_000, rounds: 3, length: 30 * time.Second, trusted: 20 * time.Second}
	}
	if chosen := os.Getenv("BENCH_KAFKA"); chosen != "" {
		kafka = chosen
	}
	r := result{Machine: thisMachine(t.Context(), kafka)}
	w := start(t, kafka, size)
	w.printAtEnd(t, r)
	w.measureCost(t)
	w.measureFreshness(t)
	w.measurePosts(t)
	w.measureInserts(t)
	w.requireExact(t)
	w.add(row{Name: "events stored exactly once, table and view", Value: 100, Unit: "%", AtLeast: 100, Note: fmt.Sprintf("all %s of this run", digits(float64(w.sent)))})
	r.Rows = w.rows

	path := os.Getenv("BENCH_JSON")
	if path == "" {
		path = resultPath(t, isFull)
	}
	require.NoError(t, r.write(path))
	_, _ = fmt.Fprintln(t.Output(), "the same as JSON:", path)
	requirePlausible(t, r.Rows)
}

// printAtEnd prints the rows there are when the test ends, also when one cannot be
// measured: those before it took minutes.
func (w *world) printAtEnd(tb testing.TB, r result) {
	tb.Helper()
	tb.Cleanup(func() {
		r.Rows = w.rows
		_, _ = fmt.Fprintln(tb.Output(), "\n"+r.table())
	})
}

// resultPath is a file of the full runs' own, or one that ends with the test.
func resultPath(t *testing.T, isFull bool) string {
	t.Helper()
	if !isFull {
		return filepath.Join(t.TempDir(), "bench.json")
	}
	root, err := chtest.Workspace()
	require.NoError(t, err)
	return filepath.Join(root, ".run", "bench", time.Now().Format("2006-01-02T150405")+".json")
}

// requirePlausible holds the table to what any machine can reach.
func requirePlausible(t *testing.T, rows []row) {
	t.Helper()
	units := map[string][2]float64{ // from, to
		"µs/event": {0.01, 1000}, "events/s/core": {1000, 1e8}, "ms": {0.01, 60_000}, "MiB": {5, 4096}, "/s": {0.01, 100}, "%": {100, 100},
	}
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
		require.Contains(t, units, r.Unit, r.Name)
		assert.GreaterOrEqual(t, r.Value, units[r.Unit][0], r.Name)
		assert.LessOrEqual(t, r.Value, units[r.Unit][1], r.Name)
	}
	assert.Len(t, names, 13)
	slices.Sort(names)
	assert.Len(t, slices.Compact(names), 13)
}
