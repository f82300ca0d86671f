package table

import (
	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
)

// reader appends a value that is not NULL to a column. saturated tells that the
// column holds its bound, or NULL, in place of what it cannot hold.
type reader func(debezium.Value) (saturated bool, err error)

// storing appends what get reads.
func storing[T any](get func(debezium.Value) (T, error), to func(T)) reader {
	return func(v debezium.Value) (bool, error) {
		value, err := get(v)
		if err == nil {
			to(value)
		}
		return false, err
	}
}

// bounding appends what get reads, cut to the bounds of the column's type.
func bounding[T any](get func(debezium.Value) (T, error), to func(T) (saturated bool)) reader {
	return func(v debezium.Value) (bool, error) {
		value, err := get(v)
		if err != nil {
			return false, err
		}
		return to(value), nil
	}
}

// copying appends what get reads with memory of its own to read into.
func copying(get func(debezium.Value, *[]byte) ([]byte, error), to func([]byte)) reader {
	var scratch []byte
	return func(v debezium.Value) (bool, error) {
		value, err := get(v, &scratch)
		if err == nil {
			to(value)
		}
		return false, err
	}
}

// buildFixed builds a column whose type holds every value of PostgreSQL's.
func buildFixed[T any](empty func(name string) *block.Fixed[T], get func(debezium.Value) (T, error)) builder {
	return func(c Column) *cell {
		if c.nullable {
			to := block.NullableOf(empty(c.target))
			return &cell{block: to, read: storing(get, to.Append)}
		}
		to := empty(c.target)
		return &cell{block: to, read: storing(get, to.Append)}
	}
}

func readInt16(v debezium.Value) (int16, error) {
	n, err := v.Int(16)
	return int16(n), err
}

func readInt32(v debezium.Value) (int32, error) {
	n, err := v.Int(32)
	return int32(n), err
}

func readInt64(v debezium.Value) (int64, error) { return v.Int(64) }

func readFloat32(v debezium.Value) (float32, error) {
	f, err := v.Float(32)
	return float32(f), err
}

func readFloat64(v debezium.Value) (float64, error) { return v.Float(64) }

func readUUID(v debezium.Value) (uuid.UUID, error) { return v.UUID() }

func buildUUID(c Column) *cell {
	if c.nullable {
		to := block.NullableUUID(c.target)
		return &cell{block: to, read: storing(readUUID, to.Append)}
	}
	to := block.UUID(c.target)
	return &cell{block: to, read: storing(readUUID, to.Append)}
}

// buildString builds a column of text, or of whatever else get reads.
func buildString(get func(debezium.Value, *[]byte) ([]byte, error)) builder {
	return func(c Column) *cell {
		if c.nullable {
			to := block.NullableString(c.target)
			return &cell{block: to, read: copying(get, to.AppendBytes)}
		}
		to := block.String(c.target)
		return &cell{block: to, read: copying(get, to.AppendBytes)}
	}
}

func buildCategory(c Column) *cell {
	to := block.LowCardinality(c.target)
	return &cell{block: to, read: copying(debezium.Value.Text, to.AppendBytes)}
}

func buildTextArray(c Column) *cell {
	to := block.TextArray(c.target)
	var scratch []byte
	add := func(text []byte, isNull bool) {
		if isNull {
			to.AddNull()
			return
		}
		to.AddBytes(text)
	}
	return &cell{block: to, read: func(v debezium.Value) (bool, error) {
		err := v.Elements(&scratch, add)
		if err == nil {
			to.EndRow()
		}
		return false, err
	}}
}

// buildInstant builds a column of microseconds since 1970.
func buildInstant(get func(debezium.Value) (int64, error)) builder {
	return func(c Column) *cell {
		if c.nullable {
			to := block.NullableDateTime64Micro(c.target)
			return &cell{block: to, read: bounding(get, to.AppendMicros)}
		}
		to := block.DateTime64Micro(c.target)
		return &cell{block: to, read: bounding(get, to.AppendMicros)}
	}
}

func buildDate(c Column) *cell {
	if c.nullable {
		to := block.NullableDate32(c.target)
		return &cell{block: to, read: bounding(debezium.Value.Date, to.AppendDays)}
	}
	to := block.Date32(c.target)
	return &cell{block: to, read: bounding(debezium.Value.Date, to.AppendDays)}
}

// numericReader is a reader of package debezium for numerics at a scale.
type numericReader func(v debezium.Value, scale int) (n debezium.Int128, isNaN bool, err error)

func readPrecise(v debezium.Value, scale int) (n debezium.Int128, isNaN bool, err error) {
	n, err = v.PreciseNumeric(scale)
	return n, false, err
}

func buildNumeric(scale int, get numericReader) builder {
	return func(c Column) *cell {
		if c.nullable {
			to := block.NullableDecimal(c.target, scale)
			return &cell{block: to, read: func(v debezium.Value) (bool, error) {
				n, isNaN, err := get(v, scale)
				switch {
				case err != nil:
					return false, err
				case isNaN:
					to.AppendNull()
					return true, nil
				}
				return to.AppendUnits(n.High, n.Low), nil
			}}
		}
		to := block.Decimal(c.target, scale)
		return &cell{block: to, read: func(v debezium.Value) (bool, error) {
			n, isNaN, err := get(v, scale)
			switch {
			case err != nil:
				return false, err
			case isNaN:
				return false, v.Unexpected("a number, since the column is not Nullable")
			}
			return to.AppendUnits(n.High, n.Low), nil
		}}
	}
}

func buildState(live, deleted string) builder {
	return func(c Column) *cell {
		to := block.LowCardinality(c.target)
		return &cell{block: to, mark: func(isDeleted bool) {
			if isDeleted {
				to.Append(deleted)
				return
			}
			to.Append(live)
		}}
	}
}
