package block

import (
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"
)

// Reader reads one block of a result, row by row.
type Reader struct{ columns proto.Results }

// NewReader reads decoded columns; it is for package clickhouse.
func NewReader(columns proto.Results) *Reader { return &Reader{columns: columns} }

// Rows returns the number of rows in this block.
func (r *Reader) Rows() int { return r.columns.Rows() }

// Names returns the columns' names.
func (r *Reader) Names() []string {
	names := make([]string, len(r.columns))
	for i, column := range r.columns {
		names[i] = column.Name
	}
	return names
}

// Scan copies the columns of a row, in their order, to the variables that dest
// points to: *string, *bool, *float64, *int, *int64 and *uint64 (any integer column
// whose value fits), *[16]byte, *time.Time (UTC), *map[string]string, *any, or,
// for a Nullable column, a pointer to a pointer, which is nil for NULL. NULL in
// any other variable is an error.
func (r *Reader) Scan(row int, dest ...any) error {
	if len(dest) != len(r.columns) {
		return fmt.Errorf("scanning a row of %d columns into %d variables", len(r.columns), len(dest))
	}
	for i, into := range dest {
		if err := assign(into, valueAt(r.columns[i].Data, row)); err != nil {
			return fmt.Errorf("scanning column %s, a %s: %w", r.columns[i].Name, r.columns[i].Data.Type(), err)
		}
	}
	return nil
}

// Row returns a row's values as Scan into *any gives them: int64, uint64 for a
// UInt64, float64, bool, string, [16]byte, time.Time,
// map[string]string, or nil for NULL.
func (r *Reader) Row(row int) []any {
	values := make([]any, len(r.columns))
	for i, column := range r.columns {
		values[i] = valueAt(column.Data, row)
	}
	return values
}

// valueAt reads one value of any column type that Nova's schema and its queries
// use; another type comes back as unsupported.
func valueAt(column proto.ColResult, row int) any {
	switch column := column.(type) {
	case *proto.ColStr:
		return column.Row(row)
	case *proto.ColLowCardinality[string]:
		return column.Row(row)
	case *proto.ColBool:
		return column.Row(row)
	case *proto.ColUUID:
		return [16]byte(column.Row(row))
	case *proto.ColFloat32:
		return float64(column.Row(row))
	case *proto.ColFloat64:
		return column.Row(row)
	case *proto.ColMap[string, string]:
		return column.Row(row)
	case *proto.ColDate:
		return column.Row(row).UTC()
	case *proto.ColDate32:
		return column.Row(row).UTC()
	case *proto.ColDateTime:
		return column.Row(row).UTC()
	case *proto.ColDateTime64:
		return timeOf(column, row)
	}
	if value, ok := integerAt(column, row); ok {
		return value
	}
	return nullableAt(column, row)
}

// timeOf goes without nanoseconds since 1970, which overflow after 2262.
func timeOf(column *proto.ColDateTime64, row int) time.Time {
	ticks, second := int64(column.Data[row]), int64(1)
	for range column.Precision {
		second *= 10
	}
	seconds := floorDivide(ticks, second)
	return time.Unix(seconds, (ticks-seconds*second)*(int64(time.Second)/second)).UTC()
}

func integerAt(column proto.ColResult, row int) (any, bool) {
	switch column := column.(type) {
	case *proto.ColInt8:
		return int64(column.Row(row)), true
	case *proto.ColInt16:
		return int64(column.Row(row)), true
	case *proto.ColInt32:
		return int64(column.Row(row)), true
	case *proto.ColInt64:
		return column.Row(row), true
	case *proto.ColUInt8:
		return int64(column.Row(row)), true
	case *proto.ColUInt16:
		return int64(column.Row(row)), true
	case *proto.ColUInt32:
		return int64(column.Row(row)), true
	case *proto.ColUInt64:
		return column.Row(row), true
	default:
		return nil, false
	}
}

// unsupported is the value of a column that Scan cannot read.
type unsupported struct{}

func nullableAt(column proto.ColResult, row int) any {
	if nullable, ok := column.(interface{ IsElemNull(row int) bool }); ok && nullable.IsElemNull(row) {
		return nil
	}
	switch column := column.(type) {
	case *proto.ColNullable[string]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[bool]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[uuid.UUID]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[float32]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[float64]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[time.Time]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[int8]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[int16]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[int32]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[int64]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[uint8]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[uint16]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[uint32]:
		return valueAt(column.Values, row)
	case *proto.ColNullable[uint64]:
		return valueAt(column.Values, row)
	default:
		return unsupported{}
	}
}
