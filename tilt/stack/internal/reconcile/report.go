package reconcile

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxExamples bounds the differences of a table that a report names.
const maxExamples = 5

// Report is the result of comparing everything.
type Report struct {
	Tables []Table // one per table of PostgreSQL, in the order of the pipeline
	Events Table   // accepted event ids against post_events
}

// Table is the result of comparing one table.
type Table struct {
	Name        string
	Columns     []string // compared, the key first
	Source      uint64   // rows of PostgreSQL, or events accepted
	Stored      uint64   // rows of ClickHouse under FINAL
	Differences uint64
	Examples    []Difference // the first few

	// Undecided counts stored events of unknown fate, which Stored leaves out.
	Undecided uint64
}

// Difference is one row that is not the same on both sides.
type Difference struct {
	Key  string
	What string
}

// OK reports that there is no difference.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.all(), func(t Table) bool { return t.Differences > 0 })
}

func (r Report) all() []Table { return append(slices.Clone(r.Tables), r.Events) }

// Write prints one line per table, and then the differences named.
func (r Report) Write(w io.Writer) error {
	var text strings.Builder
	line := func(cells ...any) { fmt.Fprintf(&text, "%-42v%12v%20v%13v\n", cells...) }
	line("table", "PostgreSQL", "ClickHouse (FINAL)", "differences")
	for _, t := range r.Tables {
		line(fmt.Sprintf("%s (%d columns)", t.Name, len(t.Columns)), t.Source, t.Stored, t.Differences)
	}
	line("event ids", "accepted", "stored (FINAL)", "differences")
	line(r.Events.Name, r.Events.Source, r.Events.Stored, r.Events.Differences)
	if r.Events.Undecided > 0 {
		fmt.Fprintf(&text, "beside these, %d events are stored whose body never got an answer\n", r.Events.Undecided)
	}
	for _, t := range r.all() {
		for _, d := range t.Examples {
			fmt.Fprintf(&text, "%s %s: %s\n", t.Name, d.Key, d.What)
		}
		if left := t.Differences - uint64(len(t.Examples)); left > 0 {
			fmt.Fprintf(&text, "%s: and %d more\n", t.Name, left)
		}
	}
	if _, err := io.WriteString(w, text.String()); err != nil {
		return fmt.Errorf("writing the reconciliation: %w", err)
	}
	return nil
}

// behind is a short account of the differences.
func (r Report) behind() string {
	var parts []string
	for _, t := range r.all() {
		if t.Differences > 0 {
			parts = append(parts, fmt.Sprintf("%s differs in %d (%d of %d stored)", t.Name, t.Differences, t.Stored, t.Source))
		}
	}
	return strings.Join(parts, ", ")
}
