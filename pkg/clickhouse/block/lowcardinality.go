package block

import (
	"math"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// maxRemembered bounds the distinct values kept from block to block.
const maxRemembered = 10_000

// LowCardinalityColumn is a LowCardinality(String) column. It remembers values
// from block to block, so that a value seen before costs no allocation; a block
// carries only those that it uses.
type LowCardinalityColumn struct {
	name    string
	known   map[string]*entry
	current uint64
	index   proto.ColStr
	keys    []uint32

	keys8  []uint8
	keys16 []uint16
}

// entry is a value's place in the dictionary of the block numbered block.
type entry struct {
	block uint64
	place uint32
}

// LowCardinality makes a LowCardinality(String) column.
func LowCardinality(name string) *LowCardinalityColumn {
	return &LowCardinalityColumn{name: name, known: map[string]*entry{}, current: 1}
}

// Name implements Column.
func (c *LowCardinalityColumn) Name() string { return c.name }

// Type implements Column.
func (c *LowCardinalityColumn) Type() string { return "LowCardinality(String)" }

// Rows implements Column.
func (c *LowCardinalityColumn) Rows() int { return len(c.keys) }

// Append appends a copy of value.
func (c *LowCardinalityColumn) Append(value string) {
	found, ok := c.known[value]
	if !ok {
		found = c.remember(strings.Clone(value))
	}
	if found.block != c.current {
		c.enter(found)
		c.index.Append(value)
	}
	c.keys = append(c.keys, found.place)
}

// AppendBytes appends a copy of value.
func (c *LowCardinalityColumn) AppendBytes(value []byte) {
	found, ok := c.known[string(value)]
	if !ok {
		found = c.remember(string(value))
	}
	if found.block != c.current {
		c.enter(found)
		c.index.AppendBytes(value)
	}
	c.keys = append(c.keys, found.place)
}

// AppendDefault appends the empty string.
func (c *LowCardinalityColumn) AppendDefault() { c.Append("") }

// Truncate implements Column. The dictionary may keep values that no row uses.
func (c *LowCardinalityColumn) Truncate(rows int) { c.keys = c.keys[:rows] }

// Reset implements Column.
func (c *LowCardinalityColumn) Reset() {
	c.keys = c.keys[:0]
	c.index.Reset()
	c.current++
	if len(c.known) > maxRemembered {
		clear(c.known)
	}
}

func (c *LowCardinalityColumn) remember(value string) *entry {
	made := &entry{}
	c.known[value] = made
	return made
}

func (c *LowCardinalityColumn) enter(e *entry) {
	e.block, e.place = c.current, uint32(c.index.Rows())
}

func (c *LowCardinalityColumn) bytes() int { return stringBytes(&c.index) + 4*len(c.keys) }

func (c *LowCardinalityColumn) native() proto.ColInput {
	input := &lowCardinalityInput{index: &c.index}
	switch distinct := c.index.Rows(); {
	case distinct <= math.MaxUint8+1:
		c.keys8 = narrow(c.keys8, c.keys)
		input.keyKind, input.keys = proto.KeyUInt8, proto.ColUInt8(c.keys8)
	case distinct <= math.MaxUint16+1:
		c.keys16 = narrow(c.keys16, c.keys)
		input.keyKind, input.keys = proto.KeyUInt16, proto.ColUInt16(c.keys16)
	default:
		input.keyKind, input.keys = proto.KeyUInt32, proto.ColUInt32(c.keys)
	}
	return input
}

func narrow[K uint8 | uint16](into []K, keys []uint32) []K {
	into = into[:0]
	for _, key := range keys {
		into = append(into, K(key))
	}
	return into
}

// Native form of LowCardinality: the version, then flags with the width of the
// keys, the dictionary, the keys.
const (
	sharedDictionariesWithAdditionalKeys = 1

	hasAdditionalKeys   = 1 << 9
	needsNewDictionary  = 1 << 10
	lowCardinalityFlags = hasAdditionalKeys | needsNewDictionary
)

type lowCardinalityInput struct {
	index   *proto.ColStr
	keyKind proto.CardinalityKey
	keys    proto.ColInput
}

func (l *lowCardinalityInput) Type() proto.ColumnType {
	return proto.ColumnTypeLowCardinality.Sub(proto.ColumnTypeString)
}

func (l *lowCardinalityInput) Rows() int { return l.keys.Rows() }

func (l *lowCardinalityInput) EncodeState(b *proto.Buffer) {
	b.PutInt64(sharedDictionariesWithAdditionalKeys)
}

func (l *lowCardinalityInput) EncodeColumn(b *proto.Buffer) {
	b.PutInt64(lowCardinalityFlags | int64(l.keyKind))
	b.PutInt64(int64(l.index.Rows()))
	l.index.EncodeColumn(b)
	b.PutInt64(int64(l.keys.Rows()))
	l.keys.EncodeColumn(b)
}

func (l *lowCardinalityInput) WriteColumn(w *proto.Writer) { w.ChainBuffer(l.EncodeColumn) }
