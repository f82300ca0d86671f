package block_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/chserver/native/block"
)

// newest and engine are the revisions of the protocol and of the library.
const (
	newest = 54460
	engine = 0
)

// sample is a block of every shape a layout can have.
func sample(rows int) proto.Input {
	var (
		numbers proto.ColUInt64
		texts   proto.ColStr
		keys    = proto.NewLowCardinality(new(proto.ColStr))
		lists   = proto.NewArray(proto.NewLowCardinality(new(proto.ColStr)))
		maps    = proto.NewMap(new(proto.ColStr), proto.NewColNullable(new(proto.ColInt32)))
		tuples  = proto.ColTuple{new(proto.ColUInt8), new(proto.ColStr)}
	)
	for i := range rows {
		numbers.Append(uint64(i))
		texts.Append(strings.Repeat("x", i%300))
		keys.Append(strconv.Itoa(i % 400)) // more than 255 keys: wider indexes
		lists.Append([]string{"a", strconv.Itoa(i)}[:i%3%2*2])
		maps.Append(map[string]proto.Nullable[int32]{"k": {Set: i%2 == 0, Value: int32(i)}})
		tuples[0].(*proto.ColUInt8).Append(uint8(i))
		tuples[1].(*proto.ColStr).Append("t")
	}
	return proto.Input{
		{Name: "numbers", Data: &numbers},
		{Name: "texts", Data: &texts},
		{Name: "keys", Data: keys},
		{Name: "lists", Data: lists},
		{Name: "maps", Data: maps},
		{Name: "tuples", Data: tuples},
	}
}

// encode writes a block as ch-go does for that revision.
func encode(tb testing.TB, input proto.Input, revision int) []byte {
	tb.Helper()
	rows := 0
	if len(input) > 0 {
		rows = input[0].Data.Rows()
	}
	var b proto.Buffer
	header := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: len(input), Rows: rows}
	require.NoError(tb, header.EncodeBlock(&b, revision, input))
	return b.Buf
}

func reader(b []byte) *bufio.Reader { return bufio.NewReaderSize(bytes.NewReader(b), 64) }

// A block is what ch-go writes for the other side's revision, in both
// directions and for all framings, and no byte behind it is touched.
func TestReframe(t *testing.T) {
	for _, revision := range []int{50000, 54453, 54454, newest} {
		for _, rows := range []int{0, 1, 2, 1000} {
			name := fmt.Sprintf("revision %d, %d rows", revision, rows)
			client, inside := encode(t, sample(rows), revision), encode(t, sample(rows), engine)
			r := block.NewReframer(revision)

			source := reader(append(client, "next"...))
			got, header, err := r.FromClient([]byte("before"), source)
			require.NoError(t, err, name)
			require.Equal(t, append([]byte("before"), inside...), got, name)
			require.Equal(t, rows, header.Rows)
			require.Len(t, header.Columns, 6)
			require.Equal(t, block.Column{Name: "keys", Type: "LowCardinality(String)"}, header.Columns[2])
			rest, err := io.ReadAll(source)
			require.NoError(t, err)
			require.Equal(t, "next", string(rest))

			got, _, err = r.FromEngine([]byte("before"), reader(inside))
			require.NoError(t, err, name)
			require.Equal(t, append([]byte("before"), client...), got, name)
		}
	}
}

// The header of a block is a block without rows, and the one without columns
// is the end.
func TestHeader(t *testing.T) {
	r := block.NewReframer(newest)
	columns := []block.Column{{Name: "a", Type: "UInt64"}, {Name: "b", Type: "Array(JSON)"}}
	_, header, err := r.FromClient(nil, reader(r.AppendHeader(nil, columns)))
	require.NoError(t, err)
	require.Equal(t, block.Header{Columns: columns}, header)
	require.False(t, header.IsEnd())
	_, header, err = r.FromClient(nil, reader(r.AppendHeader(nil, nil)))
	require.NoError(t, err)
	require.True(t, header.IsEnd())
}

// A block that is cut anywhere is an error, and what it was appended to stays
// as it was.
func TestTruncated(t *testing.T) {
	whole := encode(t, sample(3), newest)
	for cut := range whole {
		got, _, err := block.NewReframer(newest).FromClient([]byte("before"), reader(whole[:cut]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, cut)
		require.Equal(t, "before", string(got))
	}
}

// typed is a block of one row whose column has that type and those bytes.
func typed(typeName string, data ...byte) []byte {
	var b proto.Buffer
	b.PutUVarInt(1)
	b.PutUVarInt(1)
	b.PutString("v")
	b.PutString(typeName)
	return append(b.Buf, data...)
}

// Types take the bytes that ClickHouse gives them, whatever their arguments
// hold.
func TestWidths(t *testing.T) {
	for typeName, width := range map[string]int{
		"Enum8('a, b' = 1, 'c)' = 2)": 1, "Enum16('it\\'s' = 1)": 2, "DateTime64(3, 'Europe/Berlin')": 8, "DateTime('UTC')": 4,
		"Decimal(9, 2)": 4, "Decimal(10, 2)": 8, "Decimal(19, 2)": 16, "Decimal(39, 2)": 32, "Decimal64(4)": 8,
		"FixedString(7)": 7, "IntervalDay": 8, "Point": 16, "Nullable(Nothing)": 2, "Tuple()": 1,
		"SimpleAggregateFunction(sum, Int64)": 8, "Tuple(a UInt8, `b c` Nullable(UInt16), d Tuple(Int8, Int8))": 6,
	} {
		data := bytes.Repeat([]byte{1}, width)
		_, _, err := block.NewReframer(newest).FromEngine(nil, reader(typed(typeName, data...)))
		require.NoError(t, err, typeName)
		_, _, err = block.NewReframer(newest).FromEngine(nil, reader(typed(typeName, data[1:]...)))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, typeName)
	}
}

// Types that cannot be walked over, and what is no type, are named.
func TestUnsupportedTypes(t *testing.T) {
	for _, typeName := range []string{
		"JSON", "Dynamic", "Variant(String)", "AggregateFunction(sum, UInt64)", "", "Array", "Array(", "Array()", "Map(String)", "Map()", "Nested()",
		"Decimal", "Decimal(0, 0)", "Decimal(77, 0)", "Decimal(x, 0)", "FixedString", "FixedString(0)", "FixedString(-1)", "FixedString(99999999999)",
		strings.Repeat("Array(", 40) + "UInt8" + strings.Repeat(")", 40),
	} {
		_, _, err := block.NewReframer(newest).FromEngine(nil, reader(typed(typeName)))
		var unsupported *block.UnsupportedTypeError
		require.ErrorAs(t, err, &unsupported, typeName)
	}
}

// Malformed columns, which could lead the engine astray, are refused.
func TestMalformed(t *testing.T) {
	number := func(values ...uint64) []byte {
		var b proto.Buffer
		for _, v := range values {
			b.PutUInt64(v)
		}
		return b.Buf
	}
	for name, block1 := range map[string][]byte{
		"many rows":              {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"rows without columns":   {0, 1},
		"endless number":         bytes.Repeat([]byte{0xff}, 20),
		"long string":            typed("String", 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
		"huge array":             typed("Array(UInt8)", number(1<<62)...),
		"huge array of arrays":   typed("Array(Array(UInt64))", number(1<<61)...),
		"dictionary version":     typed("LowCardinality(String)", number(2, 0x600)...),
		"dictionary flags":       typed("LowCardinality(String)", number(1, 0x100)...),
		"dictionary width":       typed("LowCardinality(String)", number(1, 0x609)...),
		"dictionary huge":        typed("LowCardinality(String)", number(1, 0x600, 1<<60)...),
		"dictionary other count": typed("LowCardinality(UInt8)", append(number(1, 0x600, 1), append([]byte{7}, number(2)...)...)...),
		"dictionary index":       typed("LowCardinality(UInt8)", append(number(1, 0x600, 1), append([]byte{7}, append(number(1), 1)...)...)...),
	} {
		got, _, err := block.NewReframer(newest).FromEngine(nil, reader(block1))
		require.Error(t, err, name)
		require.Empty(t, got, name)
	}
	backward := append([]byte{1, 2, 1, 'v', 12}, "Array(UInt8)"...)
	_, _, err := block.NewReframer(newest).FromEngine(nil, reader(append(backward, number(2, 1)...)))
	require.ErrorContains(t, err, "comes after")
	custom := append([]byte{0, 1, 1, 1, 'v', 5}, "UInt8\x01"...)
	_, _, err = block.NewReframer(newest).FromClient(nil, reader(custom))
	require.ErrorContains(t, err, "custom serialization")
}

// No input makes re-framing fail other than by an error, and what it accepts
// comes back the same.
func FuzzReframe(f *testing.F) {
	f.Add(encode(f, sample(3), newest))
	f.Add(encode(f, nil, newest))
	f.Add(typed("Map(String, Array(Nullable(Decimal(9, 2))))", 0, 0))
	f.Add(typed("Tuple(a LowCardinality(String), b `x y` Enum8('a' = 1))", 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := block.NewReframer(newest)
		inside, header, err := r.FromClient(nil, reader(data))
		if err != nil {
			return
		}
		outside, _, err := r.FromEngine(nil, reader(inside))
		require.NoError(t, err)
		again, same, err := r.FromClient(nil, reader(outside))
		require.NoError(t, err)
		require.Equal(t, inside, again)
		require.Equal(t, header, same)
	})
}

// What it costs to pass a block of 100 000 rows on.
func BenchmarkFromClient(b *testing.B) {
	data := encode(b, sample(100_000), newest)
	r, source := block.NewReframer(newest), bufio.NewReaderSize(nil, 1<<17)
	var dst []byte
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(bytes.NewReader(data))
		var err error
		if dst, _, err = r.FromClient(dst[:0], source); err != nil {
			b.Fatal(err)
		}
	}
}
