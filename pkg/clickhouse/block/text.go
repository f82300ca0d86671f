package block

import (
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
)

// StringColumn is a String column: any bytes, also JSON text.
type StringColumn struct {
	name string
	data proto.ColStr
}

// String makes a String column.
func String(name string) *StringColumn { return &StringColumn{name: name} }

// Name implements Column.
func (c *StringColumn) Name() string { return c.name }

// Type implements Column.
func (c *StringColumn) Type() string { return "String" }

// Rows implements Column.
func (c *StringColumn) Rows() int { return len(c.data.Pos) }

// Append appends a copy of value.
func (c *StringColumn) Append(value string) { c.data.Append(value) }

// AppendBytes appends a copy of value.
func (c *StringColumn) AppendBytes(value []byte) { c.data.AppendBytes(value) }

// AppendDefault appends the empty string.
func (c *StringColumn) AppendDefault() { c.data.Append("") }

// Truncate implements Column.
func (c *StringColumn) Truncate(rows int) { truncateStrings(&c.data, rows) }

// Reset implements Column.
func (c *StringColumn) Reset() { c.data.Reset() }

func (c *StringColumn) native() proto.ColInput { return &c.data }

func (c *StringColumn) bytes() int { return stringBytes(&c.data) }

func truncateStrings(data *proto.ColStr, rows int) {
	if rows >= len(data.Pos) {
		return
	}
	data.Buf = data.Buf[:data.Pos[rows].Start]
	data.Pos = data.Pos[:rows]
}

func stringBytes(data *proto.ColStr) int {
	return len(data.Buf) + len(data.Pos)*int(unsafe.Sizeof(proto.Position{}))
}

// NullableStringColumn is a Nullable(String) column.
type NullableStringColumn struct {
	values StringColumn
	nulls
}

// NullableString makes a Nullable(String) column.
func NullableString(name string) *NullableStringColumn {
	return &NullableStringColumn{values: StringColumn{name: name}}
}

// Name implements Column.
func (c *NullableStringColumn) Name() string { return c.values.name }

// Type implements Column.
func (c *NullableStringColumn) Type() string { return "Nullable(String)" }

// Rows implements Column.
func (c *NullableStringColumn) Rows() int { return len(c.flags) }

// Append appends a copy of value.
func (c *NullableStringColumn) Append(value string) {
	c.values.Append(value)
	c.unset()
}

// AppendBytes appends a copy of value; nil is the empty string, not NULL.
func (c *NullableStringColumn) AppendBytes(value []byte) {
	c.values.AppendBytes(value)
	c.unset()
}

// AppendNull appends NULL.
func (c *NullableStringColumn) AppendNull() {
	c.values.AppendDefault()
	c.set()
}

// AppendDefault appends NULL.
func (c *NullableStringColumn) AppendDefault() { c.AppendNull() }

// Truncate implements Column.
func (c *NullableStringColumn) Truncate(rows int) {
	c.values.Truncate(rows)
	c.truncateNulls(rows)
}

// Reset implements Column.
func (c *NullableStringColumn) Reset() {
	c.values.Reset()
	c.resetNulls()
}

func (c *NullableStringColumn) native() proto.ColInput {
	return nullableInput{flags: c.flags, values: c.values.native()}
}

func (c *NullableStringColumn) bytes() int { return c.values.bytes() + len(c.flags) }
