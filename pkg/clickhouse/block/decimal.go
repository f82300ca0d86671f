package block

import (
	"fmt"

	"github.com/ClickHouse/ch-go/proto"
)

// Decimal(38, s) holds ±(10³⁸ - 1) units of its last digit; both bounds as two
// halves in two's complement.
const (
	maxUnitsHigh = 0x4b3b4ca85a86c47a
	maxUnitsLow  = 0x098a223fffffffff
	minUnitsHigh = ^maxUnitsHigh
	minUnitsLow  = 1<<64 - maxUnitsLow
)

// units are those of a decimal's last digit.
type units = proto.Int128

func boundedUnits(high int64, low uint64) (bounded units, saturated bool) {
	switch {
	case high > maxUnitsHigh || high == maxUnitsHigh && low > maxUnitsLow:
		high, low, saturated = maxUnitsHigh, maxUnitsLow, true
	case high < minUnitsHigh || high == minUnitsHigh && low < minUnitsLow:
		high, low, saturated = minUnitsHigh, minUnitsLow, true
	}
	return units{Low: low, High: uint64(high)}, saturated
}

// decimal encodes units under a fixed type: Int128 and Decimal(38, s) are stored
// alike.
type decimal struct {
	proto.ColInt128
	kind proto.ColumnType
}

func (d decimal) Type() proto.ColumnType { return d.kind }

// DecimalColumn is a Decimal(38, s) column.
type DecimalColumn struct{ Fixed[units] }

// Decimal makes a Decimal(38, scale) column, scale being 0 to 38.
func Decimal(name string, scale int) *DecimalColumn {
	kind := fmt.Sprintf("Decimal(38, %d)", scale)
	return &DecimalColumn{Fixed[units]{name: name, kind: kind, encode: func(v []units) proto.ColInput {
		return decimal{ColInt128: v, kind: proto.ColumnType(kind)}
	}}}
}

// AppendUnits appends a number in units of the last digit, 10^-scale: both halves
// of 128 bits in two's complement. One of more than 38 digits becomes the nearest
// bound, and saturated is true.
func (c *DecimalColumn) AppendUnits(high int64, low uint64) (saturated bool) {
	value, saturated := boundedUnits(high, low)
	c.Append(value)
	return saturated
}

// NullableDecimalColumn is a Nullable(Decimal(38, s)) column.
type NullableDecimalColumn struct{ Nullable[units] }

// NullableDecimal makes a Nullable(Decimal(38, scale)) column.
func NullableDecimal(name string, scale int) *NullableDecimalColumn {
	return &NullableDecimalColumn{*NullableOf(&Decimal(name, scale).Fixed)}
}

// AppendUnits is as DecimalColumn's.
func (c *NullableDecimalColumn) AppendUnits(high int64, low uint64) (saturated bool) {
	value, saturated := boundedUnits(high, low)
	c.Append(value)
	return saturated
}
