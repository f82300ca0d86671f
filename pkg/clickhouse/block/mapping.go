package block

import (
	"maps"
	"slices"

	"github.com/ClickHouse/ch-go/proto"
)

// MapColumn is a Map(String, String) column. A row is built pair by pair and
// closed by EndRow. ClickHouse keeps repeated keys; the caller sees to it that
// there are none.
type MapColumn struct {
	name   string
	ends   []uint64
	keys   proto.ColStr
	values proto.ColStr
}

// Map makes a Map(String, String) column.
func Map(name string) *MapColumn { return &MapColumn{name: name} }

// Name implements Column.
func (c *MapColumn) Name() string { return c.name }

// Type implements Column.
func (c *MapColumn) Type() string { return "Map(String, String)" }

// Rows returns the number of rows closed by EndRow.
func (c *MapColumn) Rows() int { return len(c.ends) }

// Add adds a pair to the row that is open.
func (c *MapColumn) Add(key, value string) {
	c.keys.Append(key)
	c.values.Append(value)
}

// AddBytes adds a pair to the row that is open.
func (c *MapColumn) AddBytes(key, value []byte) {
	c.keys.AppendBytes(key)
	c.values.AppendBytes(value)
}

// EndRow closes the row.
func (c *MapColumn) EndRow() { c.ends = append(c.ends, uint64(c.keys.Rows())) }

// Append appends a whole row, in the order of its keys.
func (c *MapColumn) Append(pairs map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		c.Add(key, pairs[key])
	}
	c.EndRow()
}

// AppendDefault appends a row without pairs.
func (c *MapColumn) AppendDefault() { c.EndRow() }

// Truncate drops all rows but the first, and the pairs of a row still open.
func (c *MapColumn) Truncate(rows int) {
	c.ends = c.ends[:rows]
	pairs := 0
	if rows > 0 {
		pairs = int(c.ends[rows-1])
	}
	truncateStrings(&c.keys, pairs)
	truncateStrings(&c.values, pairs)
}

// Reset implements Column.
func (c *MapColumn) Reset() { c.Truncate(0) }

func (c *MapColumn) bytes() int {
	return 8*len(c.ends) + stringBytes(&c.keys) + stringBytes(&c.values)
}

func (c *MapColumn) native() proto.ColInput { return (*mapInput)(c) }

type mapInput MapColumn

func (m *mapInput) Type() proto.ColumnType {
	return proto.ColumnTypeMap.Sub(proto.ColumnTypeString, proto.ColumnTypeString)
}

func (m *mapInput) Rows() int { return len(m.ends) }

func (m *mapInput) EncodeColumn(b *proto.Buffer) {
	proto.ColUInt64(m.ends).EncodeColumn(b)
	m.keys.EncodeColumn(b)
	m.values.EncodeColumn(b)
}

func (m *mapInput) WriteColumn(w *proto.Writer) { w.ChainBuffer(m.EncodeColumn) }
