package workload

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// cell is a value as a change carries it, and as it is selected; nil is NULL.
type cell struct {
	json string
	want *string
}

// row is the cells of a row, by the table's columns.
type row []cell

// source is a table with the rows it has.
type source struct {
	Table
	rows map[uuid.UUID]row
	ids  []uuid.UUID // of rows, in an order that does not vary
}

func newSource(table Table) *source { return &source{Table: table, rows: map[uuid.UUID]row{}} }

// Rows returns what a table must hold in the end, by id: the cells of Table.Query.
func (g *Generator) Rows(table Table) map[string][]*string {
	rows := map[string][]*string{}
	for _, s := range g.sources {
		if s.Source != table.Source {
			continue
		}
		for id, row := range s.rows {
			cells := make([]*string, 0, len(row))
			for _, cell := range row {
				cells = append(cells, cell.want)
			}
			rows[id.String()] = cells
		}
	}
	return rows
}

func (s *source) put(id uuid.UUID, r row) {
	if _, there := s.rows[id]; !there {
		s.ids = append(s.ids, id)
	}
	s.rows[id] = r
}

// remove takes the i-th row away.
func (s *source) remove(i int) {
	delete(s.rows, s.ids[i])
	s.ids[i] = s.ids[len(s.ids)-1]
	s.ids = s.ids[:len(s.ids)-1]
}

func (s *source) newRow(g *Generator, id uuid.UUID) row {
	made := make(row, len(s.columns))
	made[0] = textCell(id.String())
	for i, c := range s.columns[1:] {
		made[i+1] = g.cell(c)
	}
	return made
}

// changed returns a row with some other cells, the key never being one of them.
func (s *source) changed(g *Generator, old row) row {
	made := append(row(nil), old...)
	for range 1 + g.random.IntN(2) {
		i := 1 + g.random.IntN(len(s.columns)-1)
		made[i] = g.cell(s.columns[i])
	}
	return made
}

// object is a row as a JSON object.
func (s *source) object(r row) string {
	fields := make([]string, 0, len(r))
	for i, cell := range r {
		fields = append(fields, strconv.Quote(s.columns[i].name)+":"+cell.json)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// keyOnly is the old row of a table that sends no more: the key, and the types'
// defaults.
func (s *source) keyOnly(r row) row {
	made := append(row(nil), r...)
	for i, c := range s.columns[1:] {
		switch {
		case c.nullable:
			made[i+1] = cell{json: "null"}
		case c.kind == kindBool:
			made[i+1] = cell{json: "false"}
		case c.kind == kindTime:
			made[i+1] = cell{json: `"1970-01-01T00:00:00.000000Z"`}
		default:
			made[i+1] = cell{json: `""`}
		}
	}
	return made
}

const nullPercent = 30

// cell makes a random value for a column.
func (g *Generator) cell(c column) cell {
	if c.nullable && g.chance(nullPercent) {
		return cell{json: "null"}
	}
	switch c.kind {
	case kindUUID:
		return textCell(pick(g, g.users).String())
	case kindStatus:
		return textCell(pick(g, []string{"draft", "published", "archived"}))
	case kindBool:
		value := strconv.FormatBool(g.chance(50))
		return cell{json: value, want: &value}
	case kindTime:
		at := g.cfg.Start.Add(-time.Duration(g.random.Int64N(int64(monthAgo)))).UTC().Truncate(time.Microsecond)
		return cell{json: at.Format(`"2006-01-02T15:04:05.000000Z"`), want: ptr(strconv.FormatInt(at.UnixMicro(), 10))}
	default:
		return textCell(g.text())
	}
}

func textCell(value string) cell {
	encoded, _ := json.Marshal(value) // a string always has a form
	return cell{json: string(encoded), want: &value}
}

func (g *Generator) text() string {
	words := []string{"light", "Kirschblüte", "\U0001F338", `"quoted"`, "back\\slash", "tab\there", "line\nbreak", "", "null", "0"}
	n := g.random.IntN(6)
	made := make([]string, 0, n)
	for range n {
		made = append(made, pick(g, words))
	}
	return strings.Join(made, " ")
}
