package table

import (
	"fmt"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
)

// Rows is a block that is being filled with the rows of one table.
type Rows struct {
	table     Table
	epochs    debezium.Epochs
	cells     []*cell
	version   *block.Fixed[uint64]
	isDeleted *block.Fixed[uint8]
	block     *block.Block

	hasViewKey bool
	unknown    map[string]int64
}

// NewRows returns an empty block for the table, whose rows epochs ranks.
func (t Table) NewRows(epochs debezium.Epochs) *Rows {
	r := &Rows{
		table:     t,
		epochs:    epochs,
		version:   block.UInt64("version"),
		isDeleted: block.UInt8("is_deleted"),
		unknown:   map[string]int64{},
	}
	columns := make([]block.Column, 0, len(t.Columns)+2)
	for _, c := range t.Columns {
		made := newCell(c)
		r.cells = append(r.cells, made)
		columns = append(columns, made.block)
		r.hasViewKey = r.hasViewKey || c.role == roleViewKey
	}
	r.block = block.New(append(columns, r.version, r.isDeleted)...)
	return r
}

// Block is the rows appended since the last Reset.
func (r *Rows) Block() *block.Block { return r.block }

// Reset drops all rows and counts and keeps their memory.
func (r *Rows) Reset() {
	r.block.Reset()
	clear(r.unknown)
	for _, c := range r.cells {
		c.saturated = 0
	}
}

// Append appends the rows of one change, all or none. The error is a
// *debezium.UnmappedError, which is no fault of the record's, or one that
// ReasonOf classifies.
func (r *Rows) Append(e *debezium.Envelope) error {
	if string(e.Source.Table) != r.table.Source {
		return fmt.Errorf("%w: %q on the topic of %s", ErrTable, e.Source.Table, r.table.Source)
	}
	if e.Kind == debezium.KindTruncate {
		return fmt.Errorf("%w: empty %s yourself, or rebuild it", ErrTruncate, r.table.Target)
	}
	version, err := r.epochs.Version(&e.Source, e.Op)
	if err != nil {
		return err
	}
	before := r.block.Rows()
	if e.Op == debezium.Delete {
		err = r.appendTombstone(e.Before, version)
	} else {
		err = r.appendChange(e, version)
	}
	if err != nil {
		r.block.Truncate(before)
	}
	return err
}

func (r *Rows) appendChange(e *debezium.Envelope, version uint64) error {
	if r.hasViewKey && e.Op == debezium.Update {
		if err := r.leaveViews(e); err != nil {
			return err
		}
	}
	return r.appendLive(e.After, version, e.Op != debezium.Read)
}

// leaveViews appends a tombstone under the old key of the views if an update
// changed it. It ranks just below the row itself: in the table, where both have
// one key, the row wins.
func (r *Rows) leaveViews(e *debezium.Envelope) error {
	if e.Before == nil {
		return fmt.Errorf("%w: an update without the old row: ALTER TABLE %s REPLICA IDENTITY FULL", ErrIdentity, r.table.Source)
	}
	for _, c := range r.cells {
		if c.role != roleViewKey {
			continue
		}
		old, _ := c.find(e.Before)
		now, _ := c.find(e.After)
		if string(old.Raw) == string(now.Raw) {
			continue
		}
		version, err := r.epochs.Version(&e.Source, debezium.Delete)
		if err != nil {
			return err
		}
		return r.appendTombstone(e.Before, version)
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
	r.version.Append(version)
	r.isDeleted.Append(0)
	if found < len(row) {
		r.countUnknown(row)
	}
	return nil
}

// appendTombstone takes nothing but keys from the deleted row.
func (r *Rows) appendTombstone(row debezium.Row, version uint64) error {
	for _, c := range r.cells {
		switch c.role {
		case roleState:
			c.mark(true)
		case roleValue:
			c.block.AppendDefault()
		case roleKey, roleViewKey:
			value, isThere := c.find(row)
			if err := c.append(value, isThere, false); err != nil {
				return r.explainTombstone(c, err)
			}
		}
	}
	r.version.Append(version)
	r.isDeleted.Append(1)
	return nil
}

// explainTombstone names what makes a delete lack a column of a view's key:
// under another replica identity than FULL it holds the type's default.
func (r *Rows) explainTombstone(c *cell, err error) error {
	if c.role != roleViewKey {
		return err
	}
	return fmt.Errorf("%w: %w: ALTER TABLE %s REPLICA IDENTITY FULL", ErrIdentity, err, r.table.Source)
}

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

// EachSaturated calls each with the columns whose instants were cut to the
// bound of ClickHouse's type since the last Reset, and how many.
func (r *Rows) EachSaturated(each func(column string, count int64)) {
	for _, c := range r.cells {
		if c.saturated > 0 {
			each(c.target, c.saturated)
		}
	}
}
