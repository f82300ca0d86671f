package table

import (
	"errors"
	"fmt"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
)

// cell is a column of a block that is being filled.
type cell struct {
	Column

	block block.Column
	// read appends a value that is not NULL.
	read func(debezium.Value) (saturated bool, err error)
	// mark appends whether the row is deleted; only a state has it.
	mark func(isDeleted bool)

	// place is where the column was in the row before: the connector keeps an
	// order until the table is altered.
	place int
	// saturated and absent count values since the last Reset of Rows.
	saturated, absent int64
	// count raises one of them when the row is complete.
	count func(*int64)
}

// builder makes the cell of a column.
type builder func(Column) *cell

func newCell(c Column) *cell {
	made := c.build(c)
	made.Column = c
	return made
}

// find returns the cell's value in a row.
func (c *cell) find(row debezium.Row) (value debezium.Value, found bool) {
	if c.place < len(row) && string(row[c.place].Name) == c.source {
		return row[c.place].Value, true
	}
	for place := range row {
		if string(row[place].Name) == c.source {
			c.place = place
			return row[place].Value, true
		}
	}
	return debezium.Value{}, false
}

// append appends one value, or says why it cannot be.
func (c *cell) append(value debezium.Value, isThere, isStreamed bool) error {
	switch {
	case !isThere && c.role == roleKey:
		return fmt.Errorf("%w: column %q is missing", ErrKey, c.source)
	case !isThere && c.role == roleViewKey:
		return fmt.Errorf("%w: %q, which a view is keyed by", ErrMissing, c.source)
	case !isThere:
		c.count(&c.absent)
		c.block.AppendDefault()
		return nil
	case c.nullable && value.IsNull():
		c.block.AppendDefault()
		return nil
	case isStreamed && value.IsUnavailable():
		return fmt.Errorf("%w: column %q", ErrToast, c.source)
	case c.role == roleKey && isZeroKey(value):
		return fmt.Errorf("%w: column %q is %s: the replica identity is on another index", ErrKey, c.source, value.Raw)
	}
	isCut, err := c.read(value)
	if err != nil {
		return c.name(err)
	}
	if isCut {
		c.count(&c.saturated)
	}
	return nil
}

// isZeroKey recognises what the connector puts for a key that PostgreSQL did
// not send.
func isZeroKey(value debezium.Value) bool {
	switch string(value.Raw) {
	case `""`, `"00000000-0000-0000-0000-000000000000"`, `null`:
		return true
	}
	return false
}

// name adds the column to an error of a value.
func (c *cell) name(err error) error {
	var wrong *debezium.Error
	if errors.As(err, &wrong) {
		wrong.Column = c.source
	}
	return err
}
