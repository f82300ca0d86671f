package redrive

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, current string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(current), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), current)
}

// What people and scripts read stays as it is.
func TestListAndShow(t *testing.T) {
	f := newFixture(t)
	one := dead(3, `{"ts": 1, "user":  "x"}`)
	one.Headers = []dlq.RecordHeader{{Key: "content-type", Value: []byte("application/json")}, {Key: "bin", Value: []byte{0xff}}, {Key: "none"}}
	f.write(0, one, "invalid")
	f.write(1, dead(4, "\xff\xfe"), "syntax")
	f.write(1, dead(5, strings.Repeat("long\n", 50)), "syntax")

	for name, args := range map[string][]string{
		"list.txt":      {"list"},
		"list.json":     {"list", "--json", "--class", "syntax"},
		"show.txt":      {"show", "events/0/3"},
		"show.json":     {"show", "--json", "events-dlq/0/0"},
		"show_bytes":    {"show", "events/0/4"},
		"list_more.txt": {"list", "--limit", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := f.run(args...)
			require.NoError(t, err)
			golden(t, name, stdout+"--\n"+stderr)
			if strings.HasSuffix(name, "json") {
				for line := range strings.Lines(stdout) {
					assert.True(t, json.Valid([]byte(line)))
				}
			}
		})
	}
	stdout, _, err := f.run("show", "events/0/4", "--raw")
	require.NoError(t, err)
	assert.Equal(t, "\xff\xfe", stdout)
	_, _, err = f.run("show", "events/1/4")
	require.ErrorContains(t, err, "events-dlq has no letter of the record events/1/4")
	_, _, err = f.run("show", "events-dlq/1/9")
	require.ErrorContains(t, err, "there is no letter at events-dlq/1/9")
}

// A terminal sees the bar grow, and no more than one line.
func TestBar(t *testing.T) {
	var out strings.Builder
	b := newBar(&out, []consumer.Span{{Partition: 0, From: 10, To: 20}, {Partition: 1, From: 0, To: 10}})
	b.add(0, 15, "4 redriven")
	assert.Empty(t, out.String(), "no terminal")
	b.told = time.Now().Add(-time.Minute)
	b.add(0, 20, "9 redriven")
	assert.Contains(t, out.String(), "10 of 20 letters, 9 redriven")
	out.Reset()
	b.isTerminal = true
	b.add(1, 10, "12 redriven")
	b.end()
	assert.Contains(t, out.String(), "["+strings.Repeat("#", barWidth)+"] 20 of 20 letters, 12 redriven")
}
