package table

import (
	"errors"
	"fmt"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
)

// Rows is a block that is being filled with the rows of one table.
type Rows struct {
	table     Table
	epochs    debezium.Epochs
	cells     []*cell
	key       *cell // nil if the primary key has several columns
	version   *block.Fixed[uint64]
	isDeleted *block.Fixed[uint8]
	block     *block.Block
	// live are the versions of the rows, 0 of those that are deleted.
	live []uint64
	// mark is the version of the newest truncate.
	mark uint64

	hasViewKey  bool
	unknown     map[string]int64
	completions int64

	needs     []Need
	needed    map[string]bool // the keys of needs
	earlier   map[string]Earlier
	completed debezium.Row // used again
	// counting are the counts to raise when the change at hand is appended.
	counting []*int64
}

// NewRows returns an empty block for the table, whose rows epochs ranks.
func (t Table) NewRows(epochs debezium.Epochs) *Rows {
	r := &Rows{
		table:     t,
		epochs:    epochs,
		version:   block.UInt64("version"),
		isDeleted: block.UInt8("is_deleted"),
		unknown:   map[string]int64{},
		needed:    map[string]bool{},
	}
	columns := make([]block.Column, 0, len(t.Columns)+2)
	keys := 0
	for _, c := range t.Columns {
		made := newCell(c)
		made.count = r.count
		r.cells = append(r.cells, made)
		columns = append(columns, made.block)
		r.hasViewKey = r.hasViewKey || c.role == roleViewKey
		if c.role == roleKey {
			r.key = made
			keys++
		}
	}
	if keys > 1 {
		r.key = nil
	}
	r.block = block.New(append(columns, r.version, r.isDeleted)...)
	return r
}

// Block is the rows appended since the last Reset.
func (r *Rows) Block() *block.Block { return r.block }

// TakesBefore says that updates are to be decoded with the row before.
func (r *Rows) TakesBefore() bool { return r.hasViewKey }

// Mark is the version of the newest truncate appended since the last Reset; 0 is
// none. Rows of lower versions are gone.
func (r *Rows) Mark() uint64 { return r.mark }

// Reset drops all rows and counts and keeps their memory.
func (r *Rows) Reset() {
	r.block.Reset()
	r.live, r.mark = r.live[:0], 0
	r.needs, r.earlier, r.completions = r.needs[:0], nil, 0
	clear(r.completed[:cap(r.completed)]) // they hold records
	clear(r.unknown)
	clear(r.needed)
	for _, c := range r.cells {
		c.saturated, c.absent = 0, 0
	}
}

// Append appends the rows of one change, all or none. The error is a
// *debezium.UnmappedError, ErrIncomplete or ErrSuperseded, which are no fault of
// the record's, or one that ReasonOf classifies.
func (r *Rows) Append(e *debezium.Envelope) error {
	before := r.version.Rows()
	err := r.append(e)
	if err == nil {
		for _, count := range r.counting {
			*count++
		}
		r.counting = r.counting[:0]
		return nil
	}
	r.truncate(before)
	if errors.Is(err, ErrIncomplete) || errors.Is(err, ErrSuperseded) {
		return err
	}
	return fmt.Errorf("table %s, LSN %d: %w", r.table.Source, e.Source.LSN, err)
}

func (r *Rows) append(e *debezium.Envelope) error {
	if string(e.Source.Table) != r.table.Source {
		return fmt.Errorf("%w: %q on the topic of %s", ErrTable, e.Source.Table, r.table.Source)
	}
	version, err := r.epochs.Version(&e.Source, e.Op)
	if err != nil {
		return err
	}
	switch {
	case e.Kind == debezium.KindTruncate:
		r.mark = max(r.mark, version)
		return nil
	case e.Op == debezium.Delete:
		keys, err := r.appendTombstone(e.Before, version)
		if err == nil {
			r.remember(keys, version, true)
		}
		return err
	default:
		return r.appendChange(e, version)
	}
}

func (r *Rows) appendChange(e *debezium.Envelope, version uint64) error {
	if r.hasViewKey && e.Op == debezium.Update {
		if err := r.leaveViews(e, version); err != nil {
			return err
		}
	}
	before, row := r.version.Rows(), e.After
	err := r.appendLive(row, version, e.Op != debezium.Read)
	if errors.Is(err, ErrToast) {
		r.truncate(before)
		if row, err = r.complete(row, version); err == nil {
			err = r.appendLive(row, version, false)
		}
	}
	if err == nil {
		r.remember(row, version, false)
	}
	return err
}

// leaveViews appends a tombstone under the old key of the views if an update
// changed it. It ranks just below the row itself: in the table, where both have
// one key, the row wins.
func (r *Rows) leaveViews(e *debezium.Envelope, version uint64) error {
	old := e.Before
	if old == nil { // under another replica identity than FULL
		was, err := r.before(e.After, version)
		if err != nil {
			return err
		}
		if old = was.Row; old == nil || was.IsDeleted {
			return nil // no view has the row
		}
	}
	for _, c := range r.cells {
		if c.role != roleViewKey {
			continue
		}
		was, _ := c.find(old)
		now, _ := c.find(e.After)
		if string(was.Raw) == string(now.Raw) {
			continue
		}
		left, err := r.epochs.Version(&e.Source, debezium.Delete)
		if err != nil {
			return err
		}
		_, err = r.appendTombstone(old, left)
		return err
	}
	return nil
}

// appendLive appends a row that is there. A streamed one may lack values: also a
// create, when it is half of a changed primary key.
func (r *Rows) appendLive(row debezium.Row, version uint64, isStreamed bool) error {
	found := 0
	for _, c := range r.cells {
		if c.role == roleState {
			c.mark(false)
			continue
		}
		value, isThere := c.find(row)
		if isThere {
			found++
		}
		if err := c.append(value, isThere, isStreamed); err != nil {
			return err
		}
	}
	r.endRow(version, false)
	if found < len(row) {
		r.countUnknown(row)
	}
	return nil
}

// appendTombstone takes nothing but keys from the deleted row, and returns where they
// are: what it does not hold of them is that of the row before.
func (r *Rows) appendTombstone(row debezium.Row, version uint64) (keys debezium.Row, err error) {
	if keys, err = r.keysOf(row, version); err != nil {
		return nil, err
	}
	for _, c := range r.cells {
		switch c.role {
		case roleState:
			c.mark(true)
		case roleValue:
			c.block.AppendDefault()
		case roleKey, roleViewKey:
			value, isThere := c.find(keys)
			if err := c.append(value, isThere, false); err != nil {
				return nil, err
			}
		}
	}
	r.endRow(version, true)
	return keys, nil
}

// keysOf returns a row that has the columns of all keys: the deleted one, or the one
// before.
func (r *Rows) keysOf(row debezium.Row, version uint64) (debezium.Row, error) {
	for _, c := range r.cells {
		if c.role != roleViewKey {
			continue
		}
		if value, isThere := c.find(row); isThere && !isZeroKey(value) {
			continue
		}
		was, err := r.before(row, version)
		if err != nil {
			return nil, err
		}
		if was.Row == nil {
			return nil, fmt.Errorf("%w: column %q, and no earlier row is stored: ALTER TABLE %s REPLICA IDENTITY FULL",
				ErrIdentity, c.source, r.table.Source)
		}
		r.count(&r.completions)
		return was.Row, nil
	}
	return row, nil
}

func (r *Rows) endRow(version uint64, isDeleted bool) {
	r.version.Append(version)
	if isDeleted {
		r.isDeleted.Append(1)
		r.live = append(r.live, 0)
		return
	}
	r.isDeleted.Append(0)
	r.live = append(r.live, version)
}

func (r *Rows) truncate(rows int) {
	r.block.Truncate(rows)
	r.live = r.live[:min(rows, len(r.live))]
	r.counting = r.counting[:0]
}

// count raises a count once the change at hand is appended.
func (r *Rows) count(what *int64) { r.counting = append(r.counting, what) }
