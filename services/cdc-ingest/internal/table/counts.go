package table

import "github.com/nova-data/nova/pkg/debezium"

// countUnknown counts the columns that the mapping leaves out, by name.
func (r *Rows) countUnknown(row debezium.Row) {
	for _, column := range row {
		if !r.isMapped(column.Name) {
			r.unknown[string(column.Name)]++
		}
	}
}

func (r *Rows) isMapped(name []byte) bool {
	for _, c := range r.cells {
		if string(name) == c.source {
			return true
		}
	}
	return false
}

// Unknown returns how often each column was left out since the last Reset. It
// is valid until the next Reset.
func (r *Rows) Unknown() map[string]int64 { return r.unknown }

// Completions returns how many rows got values of an earlier one since the last
// Reset.
func (r *Rows) Completions() int64 { return r.completions }

// EachSaturated calls each with the columns whose values were cut to the bound of
// ClickHouse's type, or are no number and became NULL, since the last Reset, and how
// many.
func (r *Rows) EachSaturated(each func(column string, count int64)) {
	for _, c := range r.cells {
		if c.saturated > 0 {
			each(c.target, c.saturated)
		}
	}
}

// EachAbsent calls each with the columns that records lacked since the last Reset,
// and how many: they were dropped in PostgreSQL, or the connector leaves them out.
func (r *Rows) EachAbsent(each func(column string, count int64)) {
	for _, c := range r.cells {
		if c.absent > 0 {
			each(c.source, c.absent)
		}
	}
}
