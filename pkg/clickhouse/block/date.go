package block

import "github.com/ClickHouse/ch-go/proto"

// Date32 holds 1900-01-01 to 2299-12-31, in days since 1970.
const (
	minDay = -25_567
	maxDay = 120_529
)

func boundedDay(days int32) (bounded int32, saturated bool) {
	bounded = min(max(days, minDay), maxDay)
	return bounded, bounded != days
}

// date encodes days under the type that they are declared as.
type date struct{ proto.ColInt32 }

func (date) Type() proto.ColumnType { return proto.ColumnTypeDate32 }

// DateColumn is a Date32 column.
type DateColumn struct{ Fixed[int32] }

// Date32 makes a Date32 column.
func Date32(name string) *DateColumn {
	return &DateColumn{Fixed[int32]{
		name: name, kind: "Date32", encode: func(v []int32) proto.ColInput { return date{v} },
	}}
}

// AppendDays appends a date in days since 1970. One outside the type's range
// becomes the nearest bound, and saturated is true.
func (c *DateColumn) AppendDays(days int32) (saturated bool) {
	days, saturated = boundedDay(days)
	c.Append(days)
	return saturated
}

// NullableDateColumn is a Nullable(Date32) column.
type NullableDateColumn struct{ Nullable[int32] }

// NullableDate32 makes a Nullable(Date32) column.
func NullableDate32(name string) *NullableDateColumn {
	return &NullableDateColumn{*NullableOf(&Date32(name).Fixed)}
}

// AppendDays is as DateColumn's.
func (c *NullableDateColumn) AppendDays(days int32) (saturated bool) {
	days, saturated = boundedDay(days)
	c.Append(days)
	return saturated
}
