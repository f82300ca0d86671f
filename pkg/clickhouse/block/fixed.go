package block

import (
	"fmt"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"
)

// Fixed is a column of values of one size, such as Int64.
type Fixed[T any] struct {
	name   string
	kind   string
	values []T
	encode func([]T) proto.ColInput
}

// Name implements Column.
func (c *Fixed[T]) Name() string { return c.name }

// Type implements Column.
func (c *Fixed[T]) Type() string { return c.kind }

// Rows implements Column.
func (c *Fixed[T]) Rows() int { return len(c.values) }

// Append appends one value.
func (c *Fixed[T]) Append(value T) { c.values = append(c.values, value) }

// AppendDefault implements Column.
func (c *Fixed[T]) AppendDefault() {
	var zero T
	c.values = append(c.values, zero)
}

// Truncate implements Column.
func (c *Fixed[T]) Truncate(rows int) { c.values = c.values[:rows] }

// Reset implements Column.
func (c *Fixed[T]) Reset() { c.values = c.values[:0] }

func (c *Fixed[T]) native() proto.ColInput { return c.encode(c.values) }

func (c *Fixed[T]) bytes() int {
	var zero T
	return len(c.values) * int(unsafe.Sizeof(zero))
}

// Int8 makes an Int8 column.
func Int8(name string) *Fixed[int8] {
	return &Fixed[int8]{name: name, kind: "Int8", encode: func(v []int8) proto.ColInput { return proto.ColInt8(v) }}
}

// Int16 makes an Int16 column.
func Int16(name string) *Fixed[int16] {
	return &Fixed[int16]{name: name, kind: "Int16", encode: func(v []int16) proto.ColInput { return proto.ColInt16(v) }}
}

// Int32 makes an Int32 column.
func Int32(name string) *Fixed[int32] {
	return &Fixed[int32]{name: name, kind: "Int32", encode: func(v []int32) proto.ColInput { return proto.ColInt32(v) }}
}

// Int64 makes an Int64 column.
func Int64(name string) *Fixed[int64] {
	return &Fixed[int64]{name: name, kind: "Int64", encode: func(v []int64) proto.ColInput { return proto.ColInt64(v) }}
}

// UInt8 makes a UInt8 column.
func UInt8(name string) *Fixed[uint8] {
	return &Fixed[uint8]{name: name, kind: "UInt8", encode: func(v []uint8) proto.ColInput { return proto.ColUInt8(v) }}
}

// UInt16 makes a UInt16 column.
func UInt16(name string) *Fixed[uint16] {
	return &Fixed[uint16]{name: name, kind: "UInt16", encode: func(v []uint16) proto.ColInput { return proto.ColUInt16(v) }}
}

// UInt32 makes a UInt32 column.
func UInt32(name string) *Fixed[uint32] {
	return &Fixed[uint32]{name: name, kind: "UInt32", encode: func(v []uint32) proto.ColInput { return proto.ColUInt32(v) }}
}

// UInt64 makes a UInt64 column.
func UInt64(name string) *Fixed[uint64] {
	return &Fixed[uint64]{name: name, kind: "UInt64", encode: func(v []uint64) proto.ColInput { return proto.ColUInt64(v) }}
}

// Float32 makes a Float32 column.
func Float32(name string) *Fixed[float32] {
	return &Fixed[float32]{name: name, kind: "Float32", encode: func(v []float32) proto.ColInput { return proto.ColFloat32(v) }}
}

// Float64 makes a Float64 column.
func Float64(name string) *Fixed[float64] {
	return &Fixed[float64]{name: name, kind: "Float64", encode: func(v []float64) proto.ColInput { return proto.ColFloat64(v) }}
}

// Bool makes a Bool column.
func Bool(name string) *Fixed[bool] {
	return &Fixed[bool]{name: name, kind: "Bool", encode: func(v []bool) proto.ColInput { return proto.ColBool(v) }}
}

// UUIDColumn is a UUID column.
type UUIDColumn struct{ Fixed[uuid.UUID] }

// UUID makes a UUID column.
func UUID(name string) *UUIDColumn {
	return &UUIDColumn{Fixed[uuid.UUID]{
		name: name, kind: "UUID", encode: func(v []uuid.UUID) proto.ColInput { return proto.ColUUID(v) },
	}}
}

// AppendText appends a UUID given in its canonical text of 36 characters.
func (c *UUIDColumn) AppendText(text []byte) error {
	value, err := parseUUID(text)
	if err != nil {
		return err
	}
	c.Append(value)
	return nil
}

const uuidTextLength = 36

func parseUUID(text []byte) (uuid.UUID, error) {
	if len(text) != uuidTextLength {
		return uuid.UUID{}, fmt.Errorf("a UUID has %d characters, not %d", uuidTextLength, len(text))
	}
	value, err := uuid.ParseBytes(text)
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("parsing a UUID: %w", err)
	}
	return value, nil
}
