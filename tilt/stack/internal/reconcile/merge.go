package reconcile

import (
	"fmt"
	"strconv"
)

// row is one row as text, its key first; nil is NULL.
type row []any

func (r row) key() string { return r[0].(string) }

// source yields the rows that must be stored, in the order of their keys; nil
// is the end.
type source func() (row, error)

// merger compares a source with stored rows, which come in the same order.
type merger struct {
	source source
	// undecided reports that a row may be stored without being in the source.
	undecided func(key string) bool
	result    Table

	due      row // the next row of the source
	previous string
}

func newMerger(name string, columns []string, rows source) *merger {
	return &merger{
		source:    rows,
		undecided: func(string) bool { return false },
		result:    Table{Name: name, Columns: columns},
	}
}

// begin reads the first row of the source.
func (m *merger) begin() error { return m.advance() }

func (m *merger) advance() (err error) {
	if m.due, err = m.source(); err == nil && m.due != nil {
		m.result.Source++
	}
	return err
}

// stored takes the next stored row.
func (m *merger) stored(r row) error {
	key := r.key()
	for m.due != nil && m.due.key() < key {
		m.differs(m.due.key(), "missing in ClickHouse")
		if err := m.advance(); err != nil {
			return err
		}
	}
	repeated := key == m.previous
	m.previous = key
	switch {
	case m.due != nil && m.due.key() == key:
		m.result.Stored++
		m.compare(m.due, r)
		return m.advance()
	case repeated:
		m.result.Stored++
		m.differs(key, "stored more than once")
	case m.undecided(key):
		m.result.Undecided++
	default:
		m.result.Stored++
		m.differs(key, "only in ClickHouse")
	}
	return nil
}

// end accounts for the rows that no stored row has followed.
func (m *merger) end() (Table, error) {
	for m.due != nil {
		m.differs(m.due.key(), "missing in ClickHouse")
		if err := m.advance(); err != nil {
			return Table{}, err
		}
	}
	return m.result, nil
}

// compare counts a row once, however many of its columns differ.
func (m *merger) compare(want, got row) {
	what := ""
	for i := range want {
		if want[i] != got[i] {
			if what != "" {
				what += "; "
			}
			what += fmt.Sprintf("%s is %s in PostgreSQL, %s in ClickHouse", m.result.Columns[i], show(want[i]), show(got[i]))
		}
	}
	if what != "" {
		m.differs(want.key(), what)
	}
}

func (m *merger) differs(key, what string) {
	m.result.Differences++
	if len(m.result.Examples) < maxExamples {
		m.result.Examples = append(m.result.Examples, Difference{Key: key, What: what})
	}
}

// show quotes a value, cut to a readable length.
func show(value any) string {
	const most = 60
	text, ok := value.(string)
	if !ok {
		return "NULL"
	}
	if letters := []rune(text); len(letters) > most {
		return strconv.Quote(string(letters[:most])) + "…"
	}
	return strconv.Quote(text)
}
