package table

import (
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// Swept returns tombstones, at the version of a truncate, for the rows appended
// since the last Reset that it has removed; nil if there are none. A row's own
// columns are not in it: the table gives it their defaults.
func (r *Rows) Swept(mark uint64) *block.Block {
	var rows []int
	for row, version := range r.live {
		if version != 0 && version < mark {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	keys, _ := r.block.Project(r.table.keys()) // which it has
	columns := keys.Select(rows).Columns()
	for _, c := range r.table.Columns {
		if c.role != roleState {
			continue
		}
		state := newCell(c)
		for range rows {
			state.mark(true)
		}
		columns = append(columns, state.block)
	}
	version, isDeleted := block.UInt64("version"), block.UInt8("is_deleted")
	for range rows {
		version.Append(mark)
		isDeleted.Append(1)
	}
	return block.New(append(columns, version, isDeleted)...)
}

// keys are the columns that a tombstone holds, by their names in ClickHouse.
func (t Table) keys() []string {
	var names []string
	for _, c := range t.Columns {
		if c.role == roleKey || c.role == roleViewKey {
			names = append(names, c.target)
		}
	}
	return names
}

// Sweep is the SQL of the tombstones for all stored rows that a truncate has
// removed; {mark:UInt64} is its version.
type Sweep struct {
	From            string // the table that is read
	Columns, Select string
}

// Sweeps returns what sweeps the table: its own newest rows and, since a view can
// hold a row under keys that are not the newest any more, those of each view.
func (t Table) Sweeps() []Sweep {
	columns, values := t.keys(), t.keys()
	for _, c := range t.Columns {
		if c.role == roleState {
			columns, values = append(columns, c.target), append(values, "'"+c.deleted+"'")
		}
	}
	columns, values = append(columns, "version", "is_deleted"), append(values, "{mark:UInt64}", "1")
	sources := append([]string{t.Target}, t.Views...)
	sweeps := make([]Sweep, 0, len(sources))
	for _, from := range sources {
		sweeps = append(sweeps, Sweep{
			From:    from,
			Columns: "(" + strings.Join(columns, ", ") + ")",
			Select:  "SELECT " + strings.Join(values, ", ") + " FROM " + from + " FINAL WHERE version < {mark:UInt64}",
		})
	}
	return sweeps
}
