package reconcile

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

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

func equalReport() Report {
	return Report{
		Tables: []Table{
			{Name: "users", Columns: make([]string, 8), Source: 207, Stored: 207},
			{Name: "follows → user_relationships", Columns: make([]string, 5), Source: 1_000_811, Stored: 1_000_811},
		},
		Events: Table{Name: "post_events", Columns: make([]string, 1), Source: 17_902, Stored: 17_902, Undecided: 31},
	}
}

// Everything equal is one line per table and nothing else.
func TestReportEqual(t *testing.T) {
	var text strings.Builder
	require.NoError(t, equalReport().Write(&text))
	golden(t, "equal.txt", text.String())
	assert.True(t, equalReport().OK())
}

// Differences of any table, and of events, are not OK, and are named.
func TestReportDifferent(t *testing.T) {
	r := equalReport()
	r.Tables[1].Differences = 7
	r.Tables[1].Examples = []Difference{{"0001", "missing in ClickHouse"}, {"0002", `status is "active" in PostgreSQL, "deleted" in ClickHouse`}}
	assert.False(t, r.OK())
	r.Events.Differences = 1
	r.Events.Undecided = 0
	r.Events.Examples = []Difference{{"019a", "stored more than once"}}
	assert.False(t, Report{Events: r.Events}.OK())
	var text strings.Builder
	require.NoError(t, r.Write(&text))
	golden(t, "different.txt", text.String())
	assert.Equal(t, "follows → user_relationships differs in 7 (1000811 of 1000811 stored), post_events differs in 1 (17902 of 17902 stored)", r.behind())
}
