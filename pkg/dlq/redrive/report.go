package redrive

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// maxExamples of each class are described.
const maxExamples = 3

// report is what became of letters.
type report struct {
	DryRun bool `json:"dry_run"`
	// Letters were read, Matched of them were meant.
	Letters int `json:"letters"`
	Matched int `json:"matched"`
	// Redriven records were published, or would have been; Stored ones were stored
	// already; Repeated counts letters of records that had one before.
	Redriven int `json:"redriven"`
	Stored   int `json:"already_stored"`
	Repeated int `json:"repeated"`
	// Refused are the records that would become letters again, by class.
	Refused map[string]*refusals `json:"refused"`
}

// refusals are of one class.
type refusals struct {
	Count    int      `json:"count"`
	Examples []string `json:"examples"`
}

func (r *report) refuse(class, why string) {
	if r.Refused == nil {
		r.Refused = map[string]*refusals{}
	}
	of := r.Refused[class]
	if of == nil {
		of = &refusals{}
		r.Refused[class] = of
	}
	of.Count++
	if len(of.Examples) < maxExamples {
		of.Examples = append(of.Examples, why)
	}
}

func (r *report) refused() int {
	total := 0
	for _, of := range r.Refused {
		total += of.Count
	}
	return total
}

func (r *report) writeText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	redriven := "redriven"
	if r.DryRun {
		redriven = "would be redriven"
	}
	for _, row := range []struct {
		count int
		what  string
	}{
		{r.Letters, "letters read"},
		{r.Matched, "are meant"},
		{r.Redriven, redriven},
		{r.Stored, "are stored already"},
		{r.Repeated, "are of a record that had one before"},
		{r.refused(), "would be refused again"},
	} {
		fmt.Fprintf(table, "%d\t %s\n", row.count, row.what)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, class := range slices.Sorted(maps.Keys(r.Refused)) {
		of := r.Refused[class]
		for _, example := range of.Examples {
			fmt.Fprintf(w, "%s: %s\n", class, line(example, 300))
		}
		if more := of.Count - len(of.Examples); more > 0 {
			fmt.Fprintf(w, "%s: and %d more\n", class, more)
		}
	}
	return nil
}

func (r *report) writeJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }
