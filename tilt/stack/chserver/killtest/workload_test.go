package killtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	writers   = 8
	batchRows = 30
	rowsStart = "2026-01-01"
	rowsEvery = 3 // days, so that a batch is three parts
)

// workload is batches of rows in a table with a summing view, and what became of
// them.
type workload struct {
	t      *testing.T
	server *chtest.Server
	next   int // number of the newest batch
	stored int // batches that were acknowledged

	// goal, when stored reaches it, closes reached.
	goal    int
	reached chan struct{}
}

func newWorkload(t *testing.T, server *chtest.Server) *workload {
	t.Helper()
	server.Exec(`CREATE TABLE events (at DateTime, batch UInt64, value UInt64) ENGINE = MergeTree
		PARTITION BY toYYYYMM(at) ORDER BY batch SETTINGS non_replicated_deduplication_window = 100000`)
	server.Exec(`CREATE TABLE totals (month Date, batch UInt64, rows UInt64, total UInt64) ENGINE = SummingMergeTree
		ORDER BY (month, batch) SETTINGS non_replicated_deduplication_window = 100000`)
	server.Exec(`CREATE MATERIALIZED VIEW totals_view TO totals AS
		SELECT toStartOfMonth(at) AS month, batch, count() AS rows, sum(value) AS total FROM events GROUP BY month, batch`)
	return &workload{t: t, server: server}
}

// insert sends one batch under its token. The value of row i is 2^i: of all sums of
// that many powers of two only that of the whole batch is 2^rows-1.
func (w *workload) insert(batch int) error {
	var sql strings.Builder
	sql.WriteString("INSERT INTO events FORMAT TSV\n")
	at, err := time.Parse(time.DateOnly, rowsStart)
	if err != nil {
		return err
	}
	for i := range batchRows {
		fmt.Fprintf(&sql, "%s\t%d\t%d\n", at.AddDate(0, 0, i*rowsEvery).Format(time.DateTime), batch, 1<<i)
	}
	_, err = w.server.Do(w.t.Context(), sql.String(), url.Values{
		"insert_deduplication_token":                         {"batch-" + strconv.Itoa(batch)},
		"deduplicate_blocks_in_dependent_materialized_views": {"1"},
	})
	return err
}

// run inserts batches from all writers until the server is gone, and returns those
// that were not acknowledged, at most one a writer.
func (w *workload) run() []int {
	w.t.Helper()
	var (
		mu      sync.Mutex
		pending []int
		refused error
		group   sync.WaitGroup
	)
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		w.next++
		return w.next
	}
	for range writers {
		group.Go(func() {
			for {
				batch := take()
				err := w.insert(batch)
				mu.Lock()
				if err == nil {
					w.acknowledge()
					mu.Unlock()
					continue
				}
				pending = append(pending, batch)
				if exception := (*chtest.Error)(nil); errors.As(err, &exception) {
					refused = err
				}
				mu.Unlock()
				return
			}
		})
	}
	group.Wait()
	require.NoError(w.t, refused, "the server refused an insert")
	return pending
}

// acknowledge counts a batch that is stored.
func (w *workload) acknowledge() {
	if w.stored++; w.stored == w.goal {
		close(w.reached)
	}
}

// after returns a channel that is closed when n more batches have been acknowledged.
func (w *workload) after(n int) <-chan struct{} {
	w.goal, w.reached = w.stored+n, make(chan struct{})
	return w.reached
}

// replay sends batches again, under their tokens.
func (w *workload) replay(pending []int) {
	w.t.Helper()
	for _, batch := range pending {
		require.NoError(w.t, w.insert(batch))
		w.acknowledge()
	}
}

// harm is the number of batches that are not in a table exactly once.
type harm struct {
	lost, doubled int
}

// check compares the table and the view with what was acknowledged.
func (w *workload) check() (table, view harm) {
	w.t.Helper()
	return w.compare("SELECT batch, count() AS n, sum(value) AS s FROM events GROUP BY batch"),
		w.compare("SELECT batch, sum(rows) AS n, sum(total) AS s FROM totals GROUP BY batch")
}

// compare counts batches by a query for their rows and sums. One of which a part is
// missing is lost, one of which a part is there twice is doubled.
func (w *workload) compare(query string) harm {
	w.t.Helper()
	var whole, more int
	text := w.server.Query(fmt.Sprintf("SELECT countIf(n = %d AND s = %d), countIf(n > %d OR s > %d) FROM (%s)",
		batchRows, 1<<batchRows-1, batchRows, 1<<batchRows-1, query))
	_, err := fmt.Sscan(text, &whole, &more)
	require.NoError(w.t, err)
	return harm{lost: w.stored - whole - more, doubled: more}
}

// orphans returns the parts that the newest tokens of the table and of the view name,
// where they are missing. A kill can leave no other token without its part, since a
// table takes tokens and renames parts one insert at a time; parts that were merged
// stay for minutes.
func (w *workload) orphans() []string {
	w.t.Helper()
	logs, err := filepath.Glob(filepath.Join(w.server.Data, "store", "store", "*", "*", "deduplication_logs", "*_1.txt"))
	require.NoError(w.t, err)
	require.Len(w.t, logs, 2, "of the table and of the view")
	var missing []string
	for _, log := range logs {
		content, err := os.ReadFile(log)
		require.NoError(w.t, err)
		if len(content) == 0 {
			continue
		}
		records := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
		fields := strings.Split(records[len(records)-1], "\t")
		require.Len(w.t, fields, 3)
		part := filepath.Join(log, "..", "..", fields[1])
		if _, err := os.Stat(part); err != nil {
			missing = append(missing, part)
		}
	}
	return missing
}

// kills reads the number of kills from an environment variable.
func kills(t *testing.T, variable string, byDefault int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return byDefault
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}
