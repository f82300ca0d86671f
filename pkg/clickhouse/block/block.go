package block

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// Column is one column of a Block. Its implementations are in this package.
type Column interface {
	// Name is the column's name in the table.
	Name() string
	// Type is the ClickHouse type that the block declares.
	Type() string
	// Rows is the number of values appended since the last Reset.
	Rows() int
	// AppendDefault appends the type's default: zero, empty, or NULL.
	AppendDefault()
	// Truncate drops all values but the first rows.
	Truncate(rows int)
	// Reset drops all values and keeps their memory.
	Reset()

	native() proto.ColInput
	bytes() int
	// pick returns a column of the same name and type with those rows only.
	pick(rows []int) Column
}

// Block is a set of columns that are inserted together, as one unit.
type Block struct {
	columns []Column
	input   proto.Input
}

// New makes a block of columns, which the caller keeps to append to.
func New(columns ...Column) *Block {
	return &Block{columns: columns, input: make(proto.Input, 0, len(columns))}
}

// Columns returns the block's columns in their order.
func (b *Block) Columns() []Column { return b.columns }

// Rows returns the number of whole rows: the length of the shortest column.
func (b *Block) Rows() int {
	if len(b.columns) == 0 {
		return 0
	}
	rows := b.columns[0].Rows()
	for _, column := range b.columns[1:] {
		rows = min(rows, column.Rows())
	}
	return rows
}

// Bytes returns about how large the block is in memory, uncompressed.
func (b *Block) Bytes() int {
	var total int
	for _, column := range b.columns {
		total += column.bytes()
	}
	return total
}

// Truncate drops all rows but the first, such as one that is half appended.
func (b *Block) Truncate(rows int) {
	for _, column := range b.columns {
		column.Truncate(min(rows, column.Rows()))
	}
}

// Reset drops all rows and keeps their memory.
func (b *Block) Reset() {
	for _, column := range b.columns {
		column.Reset()
	}
}

// Check returns an error that names the first column which is longer or shorter
// than the others.
func (b *Block) Check() error {
	if len(b.columns) == 0 {
		return errors.New("block has no columns")
	}
	rows := b.columns[0].Rows()
	for _, column := range b.columns[1:] {
		if column.Rows() != rows {
			return fmt.Errorf("column %s has %d rows, column %s has %d", column.Name(), column.Rows(), b.columns[0].Name(), rows)
		}
	}
	return nil
}

// ColumnList returns the quoted names, "(`id`, `name`)", for an INSERT.
func (b *Block) ColumnList() string {
	names := make([]string, len(b.columns))
	for i, column := range b.columns {
		names[i] = "`" + column.Name() + "`"
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// Native returns the columns for package clickhouse, valid until the next
// change of the block.
func (b *Block) Native() proto.Input {
	b.input = b.input[:0]
	for _, column := range b.columns {
		b.input = append(b.input, proto.InputColumn{Name: column.Name(), Data: column.native()})
	}
	return b.input
}
