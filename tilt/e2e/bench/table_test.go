package bench_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// row is one line of the table.
type row struct {
	// Name is what was measured.
	Name string `json:"name"`
	// Value is in Unit.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// AtMost and AtLeast are the targets; 0 is none.
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	// Note says how, and what else came of it.
	Note string `json:"note,omitempty"`
}

// verdict is "met", "missed" or, without a target, nothing.
func (r row) verdict() string {
	switch {
	case r.AtMost == 0 && r.AtLeast == 0:
		return ""
	case r.AtMost != 0 && r.Value > r.AtMost, r.AtLeast != 0 && r.Value < r.AtLeast:
		return "missed"
	}
	return "met"
}

func (r row) target() string {
	switch {
	case r.AtMost != 0:
		return "≤ " + digits(r.AtMost)
	case r.AtLeast != 0:
		return "≥ " + digits(r.AtLeast)
	}
	return ""
}

// digits prints three significant ones of a number that is not negative, or all of a
// large one with thousands apart.
func digits(value float64) string {
	if value == 0 || value >= 1000 {
		text := strconv.Itoa(int(math.Round(value)))
		for at := len(text) - 3; at > 0; at -= 3 {
			text = text[:at] + " " + text[at:]
		}
		return text
	}
	return fmt.Sprintf("%.*f", max(0, 2-int(math.Floor(math.Log10(value)))), value)
}

// result is a whole run.
type result struct {
	Machine machine `json:"machine"`
	Rows    []row   `json:"rows"`
}

// table is the run for people.
func (r result) table() string {
	lines := [][]string{{"what", "measured", "", "target", "", "how"}}
	for _, one := range r.Rows {
		lines = append(lines, []string{one.Name, digits(one.Value), one.Unit, one.target(), one.verdict(), one.Note})
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	text.WriteString(r.Machine.String() + "\n\n")
	for _, line := range lines {
		var padded []string
		for i, cell := range line {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 1 || i == 3 { // numbers
				cell = padding + cell
			} else {
				cell += padding
			}
			padded = append(padded, cell)
		}
		text.WriteString(strings.TrimRight(strings.Join(padded, "  "), " ") + "\n")
	}
	return text.String()
}

// write stores the run as JSON, with each row's verdict.
func (r result) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o600)
}

// MarshalJSON adds the verdict.
func (r row) MarshalJSON() ([]byte, error) {
	type plain row
	return json.Marshal(struct {
		plain

		Verdict string `json:"verdict,omitempty"`
	}{plain(r), r.verdict()})
}

var update = flag.Bool("update", false, "rewrite the golden files")

// The table and its JSON say the same, with the targets and whether they are met, and
// do not change unnoticed.
func TestTableGolden(t *testing.T) {
	r := result{
		Machine: machine{
			Time: "2026-01-02T15:04:05Z", Processor: "Some CPU", Cores: 2, MemoryMiB: 8000, System: "linux 6.1 amd64", Go: "go1.26.8",
			LoadAverage: 0.5, Kafka: "apache", Commit: "0123abc",
		},
		Rows: []row{
			{Name: "cost of an event", Value: 4.123, Unit: "µs", AtMost: 5, Note: "243 000/s and core"},
			{Name: "speed", Value: 119_999, Unit: "events/s/core", AtLeast: 120_000},
			{Name: "latency", Value: 0.0512, Unit: "ms"},
			{Name: "events", Value: 1_234_567, Unit: "/s"},
		},
	}
	path := filepath.Join(t.TempDir(), "deep", "result.json")
	require.NoError(t, r.write(path))
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, got := range map[string]string{"table.txt": r.table(), "table.json": string(written)} {
		golden := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.Equal(t, string(want), got)
	}
}
