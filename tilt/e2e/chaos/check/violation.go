package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Harm is what is wrong with a record.
type Harm string

// The harms.
const (
	Lost    Harm = "lost"
	Doubled Harm = "doubled"
	Wrong   Harm = "wrong"
	// Stuck is a record that is not done in time.
	Stuck Harm = "stuck"
)

// Violation is a record that is not where it belongs.
type Violation struct {
	// Where is a table, a view or a topic.
	Where  string
	Harm   Harm
	Detail string
}

func (v Violation) String() string { return fmt.Sprintf("%s in %s: %s", v.Harm, v.Where, v.Detail) }

// shown is how many violations of one kind are printed.
const shown = 8

// Describe prints violations, of each kind the first ones and how many there are.
func Describe(violations []Violation) string {
	var text strings.Builder
	counts := map[string]int{}
	for _, v := range violations {
		kind := fmt.Sprintf("%s in %s", v.Harm, v.Where)
		if counts[kind]++; counts[kind] <= shown {
			fmt.Fprintln(&text, v)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[kind]; n > shown {
			fmt.Fprintf(&text, "%s: %d in all\n", kind, n)
		}
	}
	return text.String()
}
