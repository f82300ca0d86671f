package block

import "github.com/ClickHouse/ch-go/proto"

// TextArrayColumn is an Array(Nullable(String)) column. A row is built element by
// element and closed by EndRow.
type TextArrayColumn struct {
	ends     []uint64
	elements NullableStringColumn
}

// TextArray makes an Array(Nullable(String)) column.
func TextArray(name string) *TextArrayColumn {
	return &TextArrayColumn{elements: *NullableString(name)}
}

// Name implements Column.
func (c *TextArrayColumn) Name() string { return c.elements.Name() }

// Type implements Column.
func (c *TextArrayColumn) Type() string { return "Array(Nullable(String))" }

// Rows returns the number of rows closed by EndRow.
func (c *TextArrayColumn) Rows() int { return len(c.ends) }

// AddBytes adds a copy of an element to the row that is open; nil is the empty
// string, not NULL.
func (c *TextArrayColumn) AddBytes(element []byte) { c.elements.AppendBytes(element) }

// AddNull adds NULL to the row that is open.
func (c *TextArrayColumn) AddNull() { c.elements.AppendNull() }

// EndRow closes the row.
func (c *TextArrayColumn) EndRow() { c.ends = append(c.ends, uint64(c.elements.Rows())) }

// AppendDefault appends a row without elements.
func (c *TextArrayColumn) AppendDefault() { c.EndRow() }

// Truncate drops all rows but the first, and the elements of a row still open.
func (c *TextArrayColumn) Truncate(rows int) {
	c.ends = c.ends[:rows]
	c.elements.Truncate(c.start(rows))
}

// start is where a row's elements begin.
func (c *TextArrayColumn) start(row int) int {
	if row == 0 {
		return 0
	}
	return int(c.ends[row-1])
}

// Reset implements Column.
func (c *TextArrayColumn) Reset() { c.Truncate(0) }

func (c *TextArrayColumn) bytes() int { return 8*len(c.ends) + c.elements.bytes() }

func (c *TextArrayColumn) native() proto.ColInput {
	return textArrayInput{ends: c.ends, elements: c.elements.native()}
}

// textArrayInput is the Native form: where each row ends, then all elements.
type textArrayInput struct {
	ends     proto.ColUInt64
	elements proto.ColInput
}

func (a textArrayInput) Type() proto.ColumnType {
	return proto.ColumnTypeArray.Sub(a.elements.Type())
}

func (a textArrayInput) Rows() int { return len(a.ends) }

func (a textArrayInput) EncodeColumn(b *proto.Buffer) {
	a.ends.EncodeColumn(b)
	a.elements.EncodeColumn(b)
}

func (a textArrayInput) WriteColumn(w *proto.Writer) {
	a.ends.WriteColumn(w)
	a.elements.WriteColumn(w)
}
