package board

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func atWork() View {
	return View{
		Running: 42 * time.Second, Remaining: 18 * time.Second,
		Rates: []Rate{
			{"PostgreSQL rows changed", 40.4, 1730},
			{"events accepted", 298.7, 12512},
			{"duplicates sent", 12.04, 501},
			{"duplicates dropped", 12, 500},
			{"feed pages read", 50, 2103},
			{"feed pages removed", 17.3, 640},
			{"job refreshes", 0.1, 4},
		},
		Tables: []Table{
			{"users", 207, 0.2},
			{"posts", 1_204, 3.8},
			{"comments", 933, 5},
			{"likes", 1_000_000, 12.5},
			{"user_relationships", 811, 9.1},
			{"post_events", 12_498, 299},
		},
		Groups:    []Group{{"cdc-ingest", 0, 0, 0}, {"events-ingest", 1234, 2.31, 2}, {"invalidator", 3, 0.02, -1}, {"jobs", 0, 0, -1}},
		Freshness: []Freshness{{"commit to queryable", 0.412, 1.26}, {"accept to queryable", 0.6, -1}, {"page gone by index", 0.018, 0.14}, {"page gone by sweep", 0.09, 0.4}},
		Source:    &Source{LagBytes: 4 << 20, Lag: 1.2, Connector: connectorRuns, Heartbeat: 2.04},
		Caches:    []Fact{{"feed hit ratio", "87 %"}, {"feed reads failed", "0"}, {"breaker of jobs", "closed"}},
		Trending: &Trending{Stale: true, Posts: []Score{
			{"3f2b8a0e-6c1d-4f5e-9a7b-0c1d2e3f4a5b", 412.5}, {"7d9c1b2a-3e4f-4a6b-8c0d-1e2f3a4b5c6d", 98.04},
		}},
		Parts: []Part{
			{"postgres", "ready", true, ""},
			{"redis", "ready", true, ""},
			{"clickhouse", "starting", false, "connection refused"},
			{"kafka", "ready", true, ""},
			{"schema and topics", "done", true, ""},
			{"kafka-connect", "ready", true, ""},
			{"debezium", "ready", true, ""},
			{"cdc-ingest", "ready", true, ""},
			{"events-ingest", "ready", true, "started again 2 times"},
		},
		Addresses: []Address{
			{"events API", "http://127.0.0.1:8080/v1/events"},
			{"ClickHouse", "http://127.0.0.1:8123/play"},
			{"logs", "/src/nova/.run/logs"},
		},
	}
}

// The table fits every width: blocks move below each other, and what still
// does not fit is cut visibly.
func TestRender(t *testing.T) {
	for _, width := range []int{30, 60, 80, 132, 250} {
		lines := Render(atWork(), width, false)
		for _, line := range lines {
			assert.LessOrEqual(t, utf8.RuneCountInString(line), width, "%q", line)
		}
		golden(t, fmt.Sprintf("width-%d.txt", width), strings.Join(lines, "\n")+"\n")
	}
}

// Styles add escape sequences and change no character of the text.
func TestRenderStyles(t *testing.T) {
	escapes := regexp.MustCompile(`\x1b\[\d+m`)
	styled := strings.Join(Render(atWork(), 80, true), "\n")
	assert.Equal(t, strings.Join(Render(atWork(), 80, false), "\n"), escapes.ReplaceAllString(styled, ""))
	assert.Contains(t, styled, alarm+"clickhouse")
	assert.NotContains(t, styled, alarm+"kafka")
}

// Before anything is known the board is its heading, or dashes, never a zero
// that nobody measured.
func TestRenderNothingKnown(t *testing.T) {
	assert.Equal(t, []string{"Nova pipeline, running 00:00"}, Render(View{}, 80, false))
	v := View{Groups: []Group{{"cdc-ingest", -1, -1, -1}}, Freshness: []Freshness{{"commit to queryable", -1, -1}}, Trending: &Trending{}}
	golden(t, "unknown.txt", strings.Join(Render(v, 80, false), "\n")+"\n")
}

// The plain line holds the same numbers, and only the parts that need
// attention.
func TestLine(t *testing.T) {
	golden(t, "line.txt", Line(atWork())+"\n")
}

// Numbers are short, and read the same at every size.
func TestNumbers(t *testing.T) {
	assert.Equal(t, []string{"0", "999", "1 000", "12 345 678", "–"},
		[]string{count(0), count(999), count(1000), count(12_345_678), count(-1)})
	assert.Equal(t, []string{"0.0", "99.9", "100", "1 200", "–"},
		[]string{rate(0), rate(99.94), rate(100), rate(1200), rate(-1)})
	assert.Equal(t, []string{"0 ms", "412 ms", "1.3 s", "–"},
		[]string{seconds(0), seconds(0.412), seconds(1.26), seconds(-1)})
	assert.Equal(t, []string{"0 %", "87 %", "100 %", "–"}, []string{percent(0), percent(0.874), percent(1), percent(-1)})
	assert.Equal(t, []string{"closed", "open", "half-open", "–"}, []string{breaker(0), breaker(1), breaker(2), breaker(-1)})
	assert.Equal(t, []string{"00:00", "01:01", "1:00:05"},
		[]string{clock(0), clock(61 * time.Second), clock(time.Hour + 5*time.Second)})
}
