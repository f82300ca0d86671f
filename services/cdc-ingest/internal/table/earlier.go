package table

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nova-data/nova/pkg/debezium"
)

// ErrIncomplete says that a record lacks values that are those of an earlier row,
// which Rows has not been told of: it is among Needs.
var ErrIncomplete = errors.New("the record takes values of an earlier row")

// ErrSuperseded says that a record lacks values which nobody has any more, and that
// nobody needs it: a newer row of its key is stored.
var ErrSuperseded = errors.New("a newer row is stored")

// Need is a change that takes values of the row before it.
type Need struct {
	Key     string // the primary key, as JSON
	Version uint64 // of the change
}

// Below is what the versions of earlier rows are below: those of the change's own
// rows, of which there can be two, are not.
func (n Need) Below() uint64 { return debezium.VersionsBefore(n.Version) }

// Earlier is a row before a change.
type Earlier struct {
	// Row holds columns under their names in PostgreSQL: what Restored returns, or
	// only keys if IsDeleted; nil if no row is known.
	Row debezium.Row
	// Version is the row's; above the change's own, when merges have left nothing
	// older, the change has no effect any more.
	Version   uint64
	IsDeleted bool
}

// Needs returns the changes that were left out since the last Reset because they
// take values of earlier rows, the first of each key.
func (r *Rows) Needs() []Need { return r.needs }

// Know tells Rows of the earlier rows, by the keys of Needs, until the next Reset.
// Changes that are appended then add to them. A key without a row must be there too.
func (r *Rows) Know(earlier map[string]Earlier) { r.earlier = earlier }

// before returns the row before a change.
func (r *Rows) before(row debezium.Row, version uint64) (Earlier, error) {
	key, err := r.keyOf(row)
	if err != nil {
		return Earlier{}, err
	}
	if r.earlier == nil {
		if !r.needed[key] {
			r.needed[key] = true
			r.needs = append(r.needs, Need{Key: key, Version: version})
		}
		return Earlier{}, ErrIncomplete
	}
	was := r.earlier[key]
	if was.Version > version {
		return Earlier{}, ErrSuperseded
	}
	return was, nil
}

// remember makes a row that was appended the earlier one of its key.
func (r *Rows) remember(row debezium.Row, version uint64, isDeleted bool) {
	if r.earlier == nil {
		return
	}
	key, err := r.keyOf(row)
	if err != nil {
		return // it has been refused
	}
	if was, isNeeded := r.earlier[key]; isNeeded && was.Version <= version {
		r.earlier[key] = Earlier{Row: slices.Clone(row), Version: version, IsDeleted: isDeleted}
	}
}

// keyOf returns the primary key of a row, a uuid or an integer, as JSON.
func (r *Rows) keyOf(row debezium.Row) (string, error) {
	if r.key == nil {
		return "", fmt.Errorf("%w: only a key of one column can be looked up", ErrKey)
	}
	value, isThere := r.key.find(row)
	if !isThere || isZeroKey(value) {
		return "", r.key.append(value, isThere, true) // which says why
	}
	_, err := value.UUID()
	if err != nil {
		if _, notInt := value.Int(64); notInt != nil {
			return "", r.key.name(err)
		}
	}
	return string(value.Raw), nil
}

// complete returns row with the values that it lacks, which are those of the row
// before.
func (r *Rows) complete(row debezium.Row, version uint64) (debezium.Row, error) {
	was, err := r.before(row, version)
	if err != nil {
		return nil, err
	}
	r.completed = append(r.completed[:0], row...)
	for i, column := range row {
		if !column.IsUnavailable() || !r.isMapped(column.Name) {
			continue
		}
		value, isThere := was.Row.Find(string(column.Name))
		if !isThere || was.IsDeleted {
			return nil, fmt.Errorf("%w: column %q, and no earlier row is stored: an incremental snapshot of %s brings it",
				ErrToast, column.Name, r.table.Source)
		}
		r.completed[i].Value = value
	}
	r.count(&r.completions)
	return r.completed, nil
}

// Restored returns SQL of ClickHouse for the columns that earlier rows are asked
// for, as text: the JSON that Debezium sends for their values. The key is the first.
// Columns whose values are never stored out of line are not among them.
func (t Table) Restored() []Restored {
	var all []Restored
	for _, c := range t.Columns {
		one := Restored{Source: c.source, SQL: c.restoring()}
		switch {
		case c.role == roleKey:
			all = append([]Restored{one}, all...)
		case c.source != "" && one.SQL != "":
			all = append(all, one)
		}
	}
	return all
}

// Key returns the name and the type in ClickHouse of the primary key.
func (t Table) Key() (name, kind string) {
	for _, c := range t.Columns {
		if c.role == roleKey {
			return c.target, newCell(c).block.Type()
		}
	}
	return "", ""
}

// Restored is one column of an earlier row.
type Restored struct {
	Source string // in PostgreSQL
	SQL    string
}

// isInteger tells the types of keys that are JSON as they are.
func isInteger(kind string) bool { return strings.HasPrefix(kind, "Int") }

// restoring is the SQL for a column; "" of one whose values are never stored out of
// line and that is in no key.
func (c Column) restoring() string {
	text := "toJSONString(" + c.target + ")"
	if c.isBinary {
		text = "concat('\"', base64Encode(" + c.target + "), '\"')"
	}
	switch kind := newCell(c).block.Type(); {
	case isInteger(kind) && c.role == roleKey:
		return "toString(" + c.target + ")"
	default:
		return restoringText(kind, text)
	}
}

func restoringText(kind, text string) string {
	switch kind {
	case "String", "LowCardinality(String)", "UUID", "Array(Nullable(String))":
		return text
	case "Nullable(String)", "Nullable(UUID)":
		return "ifNull(" + text + ", 'null')"
	}
	return ""
}
