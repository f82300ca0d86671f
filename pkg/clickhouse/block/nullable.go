package block

import (
	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"
)

// nulls marks which rows are NULL; the column under it holds a default there.
type nulls struct{ flags []uint8 }

func (n *nulls) set()                { n.flags = append(n.flags, 1) }
func (n *nulls) unset()              { n.flags = append(n.flags, 0) }
func (n *nulls) resetNulls()         { n.flags = n.flags[:0] }
func (n *nulls) truncateNulls(r int) { n.flags = n.flags[:min(r, len(n.flags))] }

// nullableInput encodes flags and values as Nullable(T).
type nullableInput struct {
	flags  proto.ColUInt8
	values proto.ColInput
}

func (n nullableInput) Type() proto.ColumnType {
	return proto.ColumnTypeNullable.Sub(n.values.Type())
}

func (n nullableInput) Rows() int { return len(n.flags) }

func (n nullableInput) EncodeColumn(b *proto.Buffer) {
	n.flags.EncodeColumn(b)
	n.values.EncodeColumn(b)
}

func (n nullableInput) WriteColumn(w *proto.Writer) {
	n.flags.WriteColumn(w)
	n.values.WriteColumn(w)
}

// Nullable is a Fixed column whose values may be NULL.
type Nullable[T any] struct {
	values Fixed[T]
	nulls
}

// NullableOf makes the Nullable form of a Fixed column, which it takes over.
func NullableOf[T any](column *Fixed[T]) *Nullable[T] { return &Nullable[T]{values: *column} }

// Name implements Column.
func (c *Nullable[T]) Name() string { return c.values.name }

// Type implements Column.
func (c *Nullable[T]) Type() string { return "Nullable(" + c.values.kind + ")" }

// Rows implements Column.
func (c *Nullable[T]) Rows() int { return len(c.flags) }

// Append appends one value.
func (c *Nullable[T]) Append(value T) {
	c.values.Append(value)
	c.unset()
}

// AppendNull appends NULL.
func (c *Nullable[T]) AppendNull() {
	c.values.AppendDefault()
	c.set()
}

// AppendDefault appends NULL.
func (c *Nullable[T]) AppendDefault() { c.AppendNull() }

// Truncate implements Column.
func (c *Nullable[T]) Truncate(rows int) {
	c.values.Truncate(rows)
	c.truncateNulls(rows)
}

// Reset implements Column.
func (c *Nullable[T]) Reset() {
	c.values.Reset()
	c.resetNulls()
}

func (c *Nullable[T]) native() proto.ColInput {
	return nullableInput{flags: c.flags, values: c.values.native()}
}

func (c *Nullable[T]) bytes() int { return c.values.bytes() + len(c.flags) }

// NullableUUIDColumn is a Nullable(UUID) column.
type NullableUUIDColumn struct{ Nullable[uuid.UUID] }

// NullableUUID makes a Nullable(UUID) column.
func NullableUUID(name string) *NullableUUIDColumn {
	return &NullableUUIDColumn{*NullableOf(&UUID(name).Fixed)}
}

// AppendText appends a UUID given in its canonical text of 36 characters.
func (c *NullableUUIDColumn) AppendText(text []byte) error {
	value, err := parseUUID(text)
	if err != nil {
		return err
	}
	c.Append(value)
	return nil
}

// NullableDateTimeColumn is a Nullable(DateTime64) column in UTC.
type NullableDateTimeColumn struct {
	Nullable[int64]
	instant
}

// NullableDateTime64Milli makes a Nullable(DateTime64(3, 'UTC')) column.
func NullableDateTime64Milli(name string) *NullableDateTimeColumn {
	return nullableDateTime(DateTime64Milli(name))
}

// NullableDateTime64Micro makes a Nullable(DateTime64(6, 'UTC')) column.
func NullableDateTime64Micro(name string) *NullableDateTimeColumn {
	return nullableDateTime(DateTime64Micro(name))
}

func nullableDateTime(column *DateTimeColumn) *NullableDateTimeColumn {
	return &NullableDateTimeColumn{Nullable: *NullableOf(&column.Fixed), instant: column.instant}
}

// AppendMicros is as DateTimeColumn's.
func (c *NullableDateTimeColumn) AppendMicros(micros int64) (saturated bool) {
	ticks, saturated := c.ofMicros(micros)
	c.Append(ticks)
	return saturated
}

// AppendMillis is as DateTimeColumn's.
func (c *NullableDateTimeColumn) AppendMillis(millis int64) (saturated bool) {
	ticks, saturated := c.ofMillis(millis)
	c.Append(ticks)
	return saturated
}
