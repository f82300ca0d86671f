package block

import "github.com/ClickHouse/ch-go/proto"

// DateTime64 holds 1900-01-01 00:00:00 to 2299-12-31 23:59:59.999999, in UTC:
// in microseconds since 1970.
const (
	minMicros = -2_208_988_800_000_000
	maxMicros = 10_413_792_000_000_000 - 1
)

const microsPerMilli = 1000

// instant turns what a source gives into the column's own unit.
type instant struct {
	// unit is microseconds per tick: 1000 for DateTime64(3), 1 for DateTime64(6).
	unit int64
}

func (i instant) ofMicros(micros int64) (ticks int64, saturated bool) {
	bounded := min(max(micros, minMicros), maxMicros)
	return floorDivide(bounded, i.unit), bounded != micros
}

func (i instant) ofMillis(millis int64) (ticks int64, saturated bool) {
	bounded := min(max(millis, floorDivide(minMicros, microsPerMilli)), floorDivide(maxMicros, microsPerMilli))
	return bounded * microsPerMilli / i.unit, bounded != millis
}

// floorDivide rounds down before 1970 as well, so that the order of instants is
// the order of ticks.
func floorDivide(value, by int64) int64 {
	quotient := value / by
	if value%by < 0 {
		quotient--
	}
	return quotient
}

// dateTime encodes ticks under a fixed type. ch-go's own column would silently
// take the precision of the table.
type dateTime struct {
	proto.ColInt64
	kind proto.ColumnType
}

func (d dateTime) Type() proto.ColumnType { return d.kind }

// DateTimeColumn is a DateTime64 column in UTC.
type DateTimeColumn struct {
	Fixed[int64]
	instant
}

// DateTime64Milli makes a DateTime64(3, 'UTC') column.
func DateTime64Milli(name string) *DateTimeColumn {
	return dateTimeColumn(name, "DateTime64(3, 'UTC')", microsPerMilli)
}

// DateTime64Micro makes a DateTime64(6, 'UTC') column.
func DateTime64Micro(name string) *DateTimeColumn {
	return dateTimeColumn(name, "DateTime64(6, 'UTC')", 1)
}

func dateTimeColumn(name, kind string, unit int64) *DateTimeColumn {
	return &DateTimeColumn{
		Fixed: Fixed[int64]{name: name, kind: kind, encode: func(v []int64) proto.ColInput {
			return dateTime{ColInt64: v, kind: proto.ColumnType(kind)}
		}},
		instant: instant{unit: unit},
	}
}

// AppendMicros appends an instant in microseconds since 1970. One outside the
// type's range becomes the nearest bound, and saturated is true.
func (c *DateTimeColumn) AppendMicros(micros int64) (saturated bool) {
	ticks, saturated := c.ofMicros(micros)
	c.Append(ticks)
	return saturated
}

// AppendMillis appends an instant in milliseconds since 1970, as AppendMicros.
func (c *DateTimeColumn) AppendMillis(millis int64) (saturated bool) {
	ticks, saturated := c.ofMillis(millis)
	c.Append(ticks)
	return saturated
}
