package sample

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// Run is the part that the ids of one run share.
type Run [6]byte

// NewRun returns the run that started at that moment, with the resolution of a
// millisecond.
func NewRun(started time.Time) Run {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(started.UnixMilli()))
	return Run(ms[2:])
}

// ID returns the id of a sequence number below 2^62: a version 8 UUID of 48 bits
// of the run and 62 of the number. Ids are in the order of their numbers.
func (r Run) ID(sequence uint64) uuid.UUID {
	var id uuid.UUID
	copy(id[:], r[:])
	id[6] = 8 << 4
	binary.BigEndian.PutUint64(id[8:], 1<<63|sequence)
	return id
}

// SequenceOf returns the number of an id that a Run made.
func SequenceOf(id uuid.UUID) uint64 {
	return binary.BigEndian.Uint64(id[8:]) &^ (3 << 62)
}
