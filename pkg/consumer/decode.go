package consumer

import (
	"encoding/binary"
	"errors"
)

var errShort = errors.New("data ends too early")

// reader reads Kafka's primitive types. After an overrun it stays failed and
// returns zeros, so that callers check once.
type reader struct {
	data   []byte
	failed bool
}

// take returns the next n bytes, which share memory with the data.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.failed = true
		r.data = nil
		return nil
	}
	taken := r.data[:n:n]
	r.data = r.data[n:]
	return taken
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) varint() int64 {
	if len(r.data) > 0 && r.data[0] < 0x80 { // most are lengths and deltas of one byte
		value := int64(r.data[0]>>1) ^ -int64(r.data[0]&1)
		r.data = r.data[1:]
		return value
	}
	value, n := binary.Varint(r.data)
	if n <= 0 {
		r.take(len(r.data) + 1)
		return 0
	}
	r.data = r.data[n:]
	return value
}

// varbytes returns bytes after their length, nil for a length below zero.
func (r *reader) varbytes() []byte {
	n := r.varint()
	if n < 0 {
		return nil
	}
	if n > int64(len(r.data)) {
		r.take(len(r.data) + 1)
		return nil
	}
	return r.take(int(n))
}

// count reads the length of an array whose elements take at least size bytes,
// and fails where the data cannot hold them. A null array has none.
func (r *reader) count(size int) int {
	n := int(r.int32())
	if n > len(r.data)/size {
		r.take(len(r.data) + 1)
		return 0
	}
	return max(n, 0)
}

func (r *reader) err() error {
	if r.failed {
		return errShort
	}
	return nil
}
