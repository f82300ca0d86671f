package table

import (
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
)

// Column maps one column. Its type is the one that PostgreSQL declares: without
// the schema wrapper a record does not say.
type Column struct {
	source   string // in PostgreSQL; "" of a column that is ClickHouse's alone
	target   string // in ClickHouse
	role     role
	nullable bool
	build    builder
	// live and deleted are what a state says of a row.
	live, deleted string
	// isBinary says that it arrives in base64.
	isBinary bool
	// isMilli says that it arrives in milliseconds.
	isMilli bool
}

// role is what a column is for.
type role byte

const (
	roleValue   role = iota
	roleState        // says whether the row is deleted
	roleViewKey      // in a view's key: a tombstone needs it
	roleKey
)

func column(name string, build builder) Column {
	return Column{source: name, target: name, build: build}
}

// UUID is a uuid column: UUID in ClickHouse.
func UUID(name string) Column { return column(name, buildUUID) }

// Text is a text column, or any other that arrives as a string, such as inet, xml
// and timetz: String.
func Text(name string) Column { return column(name, buildString(debezium.Value.Text)) }

// Category is a text or enum column of few values: LowCardinality(String).
func Category(name string) Column { return column(name, buildCategory) }

// JSON is a json or jsonb column: String, with the spacing that PostgreSQL gives
// it.
func JSON(name string) Column { return Text(name) }

// TextArray is a text[] column, or an array of any other type that arrives as a
// string, such as uuid, timestamptz and enums: Array(Nullable(String)).
func TextArray(name string) Column { return column(name, buildTextArray) }

// Bytes is a bytea column: String, which holds any bytes.
func Bytes(name string) Column {
	c := column(name, buildString(debezium.Value.Bytes))
	c.isBinary = true
	return c
}

// Bool is a boolean column: Bool.
func Bool(name string) Column { return column(name, buildFixed(block.Bool, debezium.Value.Bool)) }

// SmallInt is a smallint column: Int16.
func SmallInt(name string) Column { return column(name, buildFixed(block.Int16, readInt16)) }

// Integer is an integer column: Int32.
func Integer(name string) Column { return column(name, buildFixed(block.Int32, readInt32)) }

// BigInt is a bigint column: Int64.
func BigInt(name string) Column { return column(name, buildFixed(block.Int64, readInt64)) }

// Numeric is a numeric column: Decimal(38, scale). It takes what the connector
// writes under decimal.handling.mode=string and, of columns without declared
// scale, under precise. A number with more digits after the point is refused, not
// rounded; one that is too large, or infinite, becomes the bound; NaN becomes
// NULL, and is refused in a column that cannot be NULL.
func Numeric(name string, scale int) Column {
	return column(name, buildNumeric(scale, debezium.Value.Numeric))
}

// PreciseNumeric is a numeric column that PostgreSQL declares with that scale, as
// the connector writes it under decimal.handling.mode=precise: Decimal(38, scale).
// That mode writes NaN and infinity as NULL.
func PreciseNumeric(name string, scale int) Column {
	return column(name, buildNumeric(scale, readPrecise))
}

// Real is a real column: Float32.
func Real(name string) Column { return column(name, buildFixed(block.Float32, readFloat32)) }

// Double is a double precision column: Float64.
func Double(name string) Column { return column(name, buildFixed(block.Float64, readFloat64)) }

// Date is a date column: Date32, which ends with 2299.
func Date(name string) Column { return column(name, buildDate) }

// Timestamp is a timestamp column, taken as UTC: DateTime64(6, 'UTC'). One of
// timestamp(0) to timestamp(3) is a TimestampMilli: as a Timestamp its values
// would be, unnoticed, instants of 1970, since bare JSON does not tell
// milliseconds from microseconds.
func Timestamp(name string) Column { return column(name, buildInstant(debezium.Value.Timestamp)) }

// TimestampMilli is a timestamp(0) to timestamp(3) column, which arrives in
// milliseconds, taken as UTC: DateTime64(6, 'UTC').
func TimestampMilli(name string) Column {
	c := column(name, buildInstant(debezium.Value.TimestampMillis))
	c.isMilli = true
	return c
}

// Timestamptz is a timestamptz column: DateTime64(6, 'UTC').
func Timestamptz(name string) Column { return column(name, buildInstant(debezium.Value.Timestamptz)) }

// Time is a time column: Int64, microseconds since midnight. One of time(0) to
// time(3) is a TimeMilli, which its values do not tell, unless
// time.precision.mode is adaptive_time_microseconds.
func Time(name string) Column { return column(name, buildFixed(block.Int64, debezium.Value.Time)) }

// TimeMilli is a time(0) to time(3) column, which arrives in milliseconds: Int64,
// microseconds since midnight.
func TimeMilli(name string) Column {
	c := column(name, buildFixed(block.Int64, debezium.Value.TimeMillis))
	c.isMilli = true
	return c
}

// Interval is an interval column: Int64, microseconds, a month being a twelfth of
// 365.25 days.
func Interval(name string) Column {
	return column(name, buildFixed(block.Int64, debezium.Value.Interval))
}

// State is a column of ClickHouse's alone, LowCardinality(String), that says
// live of a row which is there and deleted of a tombstone.
func State(target, live, deleted string) Column {
	return Column{target: target, role: roleState, build: buildState(live, deleted), live: live, deleted: deleted}
}

// Nullable lets the column be NULL, which every column does that may be NULL in
// PostgreSQL. A Category cannot; a TextArray that is NULL becomes an empty array,
// since ClickHouse has no array that is NULL.
func (c Column) Nullable() Column {
	c.nullable = true
	return c
}

// As gives the column another name in ClickHouse.
func (c Column) As(target string) Column {
	c.target = target
	return c
}

// Key says that the column is the primary key.
func (c Column) Key() Column {
	c.role = roleKey
	return c
}

// ViewKey says that the key of a view holds the column, which must be a uuid that
// cannot be NULL: of such a column a delete shows whether it knows the row's value.
func (c Column) ViewKey() Column {
	c.role = roleViewKey
	return c
}
