package debezium

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// A version's parts. A snapshot's rows rank below every streamed change of
// their epoch: a transaction that is open at the snapshot commits later with a
// lower LSN than the snapshot's own.
const (
	epochShift   = 56
	lsnLimit     = 1 << epochShift
	lsnStep      = 8 // WAL positions are aligned; the three bits are the rank's
	rankSnapshot = 1
	rankDelete   = 1
	rankLive     = 2
)

// Epochs gives each topic prefix its epoch. Every version of a higher epoch is
// above every version of a lower one.
type Epochs map[string]uint8

// Validate refuses an empty map, and two prefixes with one epoch, whose WAL
// positions would be compared although they have nothing to do with each other.
func (e Epochs) Validate() error {
	if len(e) == 0 {
		return errors.New("must map at least one topic prefix to its epoch")
	}
	prefixOf := map[uint8]string{}
	for _, prefix := range slices.Sorted(maps.Keys(e)) {
		epoch := e[prefix]
		if other, taken := prefixOf[epoch]; taken {
			return fmt.Errorf("must not give %s and %s the same epoch", other, prefix)
		}
		prefixOf[epoch] = prefix
	}
	return nil
}

// String is the map as the environment variable has it: nova:0,nova2:1.
func (e Epochs) String() string {
	pairs := make([]string, 0, len(e))
	for prefix, epoch := range e {
		pairs = append(pairs, fmt.Sprintf("%s:%d", prefix, epoch))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// UnmappedError is a topic prefix without an epoch. Nothing is wrong with the
// record: an operator has to say how new its source is.
type UnmappedError struct {
	Prefix string
	// Epochs is the map that is missing it, with the next free epoch given to it.
	// Validate refuses it when there is none above those taken.
	Epochs Epochs
}

func (e *UnmappedError) Error() string {
	return fmt.Sprintf("topic prefix %q has no epoch", e.Prefix)
}

func (e Epochs) unmapped(prefix string) error {
	with := Epochs{prefix: 0}
	for known, epoch := range e {
		with[known] = epoch
		with[prefix] = max(with[prefix], min(epoch, math.MaxUint8-1)+1)
	}
	return &UnmappedError{Prefix: prefix, Epochs: with}
}

// Version returns the rank of a change among all changes of its row; the newest
// has the highest. It is epoch<<56 | lsn | rank, the rank being 1 for a delete
// or a truncate and 2 for a live row, and epoch<<56 | 1 for a snapshot's row.
//
// The error is an *UnmappedError or an *Error of the kind ErrPosition.
func (e Epochs) Version(source *Source, op Op) (uint64, error) {
	epoch, mapped := e[string(source.Name)]
	if !mapped {
		return 0, e.unmapped(string(source.Name))
	}
	base := FirstVersion(epoch)
	if op == Read {
		return base | rankSnapshot, nil
	}
	if lsn := source.LSN; lsn == 0 || lsn%lsnStep != 0 || lsn >= lsnLimit {
		return 0, &Error{Kind: ErrPosition, Detail: fmt.Sprintf("LSN %d of a streamed change", lsn)}
	}
	if op == Delete || op == Truncate {
		return base | source.LSN | rankDelete, nil
	}
	return base | source.LSN | rankLive, nil
}

// FirstVersion returns the lowest version of an epoch: all of older epochs are below.
func FirstVersion(epoch uint8) uint64 { return uint64(epoch) << epochShift }

// EpochOf returns the epoch of a version.
func EpochOf(version uint64) uint8 { return uint8(version >> epochShift) }

// VersionsBefore returns what all versions of earlier changes are below: the change
// itself can have two, that of a row and that of the tombstone it leaves.
func VersionsBefore(version uint64) uint64 { return version&^(lsnStep-1) | rankDelete }
