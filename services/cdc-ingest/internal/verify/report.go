package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what a comparison has found.
type Report struct {
	Tables []Table `json:"tables"`
}

// Table is what the comparison of one table has found.
type Table struct {
	Name string `json:"table"`
	// Target is the table in ClickHouse.
	Target  string   `json:"clickhouse_table"`
	Columns []string `json:"columns"`
	// SourceRows and StoredRows are the rows read of PostgreSQL and of ClickHouse,
	// not at the same moment.
	SourceRows int64 `json:"postgresql_rows"`
	StoredRows int64 `json:"clickhouse_rows"`
	// Differences are keys with a final difference, Examples the first of them.
	Differences int64        `json:"differences"`
	Examples    []Difference `json:"examples"`
	// Changing are keys that differed at each look, in another way each time.
	Changing []string `json:"still_changing"`
	// Stopped says why the comparison has not read the whole table; empty if it has.
	Stopped string  `json:"stopped,omitempty"`
	Error   string  `json:"error,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Difference is one key that differs.
type Difference struct {
	Key string `json:"key"`
	// Missing is the side without the row: "postgresql", "clickhouse" or "".
	Missing string `json:"missing_in,omitempty"`
	// Columns are those that differ, of a row that both sides have.
	Columns []ColumnDifference `json:"columns,omitempty"`
}

// ColumnDifference is a value of each side, nil for NULL, cut to 80 bytes.
type ColumnDifference struct {
	Name   string  `json:"column"`
	Source *string `json:"postgresql"`
	Stored *string `json:"clickhouse"`
}

// IsEqual says that every table was compared to its end and none differs.
func (r Report) IsEqual() bool {
	for _, t := range r.Tables {
		if t.Differences > 0 || t.Stopped != "" || t.Error != "" {
			return false
		}
	}
	return true
}

// WriteJSON writes the report as one object.
func (r Report) WriteJSON(to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes a line for each table, and one for each key that differs.
func (r Report) WriteText(to io.Writer) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TABLE\tPOSTGRESQL\tCLICKHOUSE\tDIFFERENCES\tCHANGING\tTIME")
	for _, t := range r.Tables {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\n", t.Name, t.SourceRows, t.StoredRows, t.Differences, len(t.Changing), seconds(t.Seconds))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, t := range r.Tables {
		if err := t.writeText(to); err != nil {
			return err
		}
	}
	return nil
}

func seconds(s float64) string {
	return (time.Duration(s*1000) * time.Millisecond).Round(100 * time.Millisecond).String()
}

func (t Table) writeText(to io.Writer) error {
	var text strings.Builder
	for _, d := range t.Examples {
		fmt.Fprintf(&text, "%s %s: %s\n", t.Name, d.Key, d)
	}
	if more := t.Differences - int64(len(t.Examples)); more > 0 {
		fmt.Fprintf(&text, "%s: %d keys more\n", t.Name, more)
	}
	for i, key := range t.Changing {
		if i == maxChangingShown {
			fmt.Fprintf(&text, "%s: %d keys more that kept changing\n", t.Name, len(t.Changing)-i)
			break
		}
		fmt.Fprintf(&text, "%s %s: kept changing; not counted as a difference\n", t.Name, key)
	}
	for _, problem := range []string{t.Stopped, t.Error} {
		if problem != "" {
			fmt.Fprintf(&text, "%s: %s\n", t.Name, problem)
		}
	}
	_, err := io.WriteString(to, text.String())
	return err
}

// maxChangingShown bounds the lines on keys that are no differences.
const maxChangingShown = 5

// String says in words what differs.
func (d Difference) String() string {
	switch d.Missing {
	case sourceSide:
		return "only in ClickHouse"
	case storedSide:
		return "missing in ClickHouse"
	}
	parts := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		parts[i] = fmt.Sprintf("%s is %s in PostgreSQL, %s in ClickHouse", c.Name, quoted(c.Source), quoted(c.Stored))
	}
	return strings.Join(parts, "; ")
}

const (
	sourceSide = "postgresql"
	storedSide = "clickhouse"
	// shownBytes bounds what is shown of a value.
	shownBytes = 80
)

func quoted(value *string) string {
	if value == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *value)
}

// describe says what differs for a key.
func (p *plan) describe(key string, ours, theirs row) Difference {
	d := Difference{Key: key}
	switch {
	case ours == nil:
		d.Missing = sourceSide
	case theirs == nil:
		d.Missing = storedSide
	default:
		for i := range ours {
			if !same(ours[i], theirs[i]) {
				d.Columns = append(d.Columns, ColumnDifference{Name: p.columns[i].name, Source: shown(ours[i]), Stored: shown(theirs[i])})
			}
		}
	}
	return d
}

// shown cuts a value to what is worth showing.
func shown(value *string) *string {
	if value == nil || len(*value) <= shownBytes {
		return value
	}
	cut := strings.ToValidUTF8((*value)[:shownBytes], "") + fmt.Sprintf("… (%d bytes)", len(*value))
	return &cut
}
