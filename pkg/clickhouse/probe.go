package clickhouse

import (
	"context"
	"slices"
)

const (
	probeTable = "nova_probe"
	// refusalsWanted is how often a row must be refused alone.
	refusalsWanted = 3
)

// Refusal is a row that a table does not take.
type Refusal struct {
	// Row is its number in the block.
	Row int
	Err *Error
}

// Refused returns the rows of a block that the table refuses alone, three times
// each, with an error of class Data, in their order. It sends them to a probe: a
// table with today's columns and constraints that keeps nothing and has no views.
// None is returned when the block's trouble lies elsewhere, such as in a view.
//
// It takes about log2(rows) inserts for each refused row. An error, an *Error or
// the breaker's, means that the probe could not be made or asked.
func (w *Writer) Refused(ctx context.Context, insert Insert) ([]Refusal, error) {
	if err := insert.check(); err != nil {
		return nil, err
	}
	p := &probing{writer: w, insert: insert, tries: map[int]int{}}
	whole := make([]int, insert.Block.Rows())
	for row := range whole {
		whole[row] = row
	}
	p.push(whole)
	for len(p.pending) > 0 {
		if err := w.call(ctx, "probing "+insert.Table, func(s *session) error { return p.run(ctx, s) }); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.refusals, func(a, b Refusal) int { return a.Row - b.Row })
	return p.refusals, nil
}

// probing bisects one block.
type probing struct {
	writer *Writer
	insert Insert
	// pending is sets of rows that are still to be sent, the next one last.
	pending  [][]int
	tries    map[int]int
	refusals []Refusal
}

func (p *probing) push(rows []int) {
	if len(rows) > 0 {
		p.pending = append(p.pending, rows)
	}
}

// run sends sets of rows until one is refused, which ends the session.
func (p *probing) run(ctx context.Context, s *session) error {
	if err := s.create(ctx, probeTable+" AS "+p.writer.pool.tableName(p.insert.Table)+" ENGINE = Null"); err != nil {
		return err
	}
	for len(p.pending) > 0 {
		rows := p.pending[len(p.pending)-1]
		if failure := classified(s.fill(ctx, probeTable, p.insert.Block.Select(rows))); failure != nil {
			return p.failed(rows, failure)
		}
		p.pending = p.pending[:len(p.pending)-1]
	}
	return nil
}

// failed takes the last set apart, unless the failure says nothing of its rows.
func (p *probing) failed(rows []int, failure *Error) error {
	if failure.Class != Data {
		return failure
	}
	p.pending = p.pending[:len(p.pending)-1]
	if half := len(rows) / 2; half > 0 {
		p.push(rows[half:])
		p.push(rows[:half])
		return nil
	}
	row := rows[0]
	if p.tries[row]++; p.tries[row] < refusalsWanted {
		p.push(rows)
		return nil
	}
	p.refusals = append(p.refusals, Refusal{Row: row, Err: failure})
	return nil
}
