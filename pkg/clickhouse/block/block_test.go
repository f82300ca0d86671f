package block_test

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// decode encodes the block in Native form and reads it back with ch-go's own
// columns, by both of its ways to write.
func decode(t *testing.T, b *block.Block) *block.Reader {
	t.Helper()
	require.NoError(t, b.Check())
	header := proto.Block{Columns: len(b.Columns()), Rows: b.Rows()}
	var buffered proto.Buffer
	require.NoError(t, header.EncodeBlock(&buffered, proto.Version, b.Native()))
	var written bytes.Buffer
	writer := proto.NewWriter(&written, new(proto.Buffer))
	require.NoError(t, header.WriteBlock(writer, proto.Version, b.Native()))
	_, err := writer.Flush()
	require.NoError(t, err)
	require.Equal(t, buffered.Buf, written.Bytes(), "both ways to write agree")

	var results proto.Results
	var head proto.Block
	require.NoError(t, head.DecodeBlock(proto.NewReader(&buffered), proto.Version, results.Auto()))
	return block.NewReader(results)
}

// TestEveryColumnTypeRoundTrips holds that what is appended is what a decoder of
// the Native form reads, for each column type, defaults and NULLs included.
func TestEveryColumnTypeRoundTrips(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	at := time.Date(2026, 2, 3, 4, 5, 6, 789_123_000, time.UTC)
	cases := []struct {
		column block.Column
		fill   func(block.Column)
		want   any
		zero   any
	}{
		{block.Int8("c"), func(c block.Column) { c.(*block.Fixed[int8]).Append(-8) }, int64(-8), int64(0)},
		{block.Int16("c"), func(c block.Column) { c.(*block.Fixed[int16]).Append(-16) }, int64(-16), int64(0)},
		{block.Int32("c"), func(c block.Column) { c.(*block.Fixed[int32]).Append(-32) }, int64(-32), int64(0)},
		{block.Int64("c"), func(c block.Column) { c.(*block.Fixed[int64]).Append(math.MinInt64) }, int64(math.MinInt64), int64(0)},
		{block.UInt8("c"), func(c block.Column) { c.(*block.Fixed[uint8]).Append(8) }, int64(8), int64(0)},
		{block.UInt16("c"), func(c block.Column) { c.(*block.Fixed[uint16]).Append(16) }, int64(16), int64(0)},
		{block.UInt32("c"), func(c block.Column) { c.(*block.Fixed[uint32]).Append(32) }, int64(32), int64(0)},
		{block.UInt64("c"), func(c block.Column) { c.(*block.Fixed[uint64]).Append(math.MaxUint64) }, uint64(math.MaxUint64), uint64(0)},
		{block.Float32("c"), func(c block.Column) { c.(*block.Fixed[float32]).Append(0.25) }, 0.25, 0.0},
		{block.Float64("c"), func(c block.Column) { c.(*block.Fixed[float64]).Append(1.5) }, 1.5, 0.0},
		{block.Bool("c"), func(c block.Column) { c.(*block.Fixed[bool]).Append(true) }, true, false},
		{block.UUID("c"), func(c block.Column) { c.(*block.UUIDColumn).Append(id) }, [16]byte(id), [16]byte{}},
		{block.String("c"), func(c block.Column) { c.(*block.StringColumn).AppendBytes([]byte("\x00ü")) }, "\x00ü", ""},
		{block.LowCardinality("c"), func(c block.Column) { c.(*block.LowCardinalityColumn).Append("ios") }, "ios", ""},
		{block.Map("c"), func(c block.Column) { c.(*block.MapColumn).Append(map[string]string{"b": "2", "a": "1"}) }, map[string]string{"a": "1", "b": "2"}, map[string]string{}},
		{block.DateTime64Milli("c"), func(c block.Column) { c.(*block.DateTimeColumn).AppendMicros(at.UnixMicro()) }, at.Truncate(time.Millisecond), time.UnixMilli(0).UTC()},
		{block.DateTime64Micro("c"), func(c block.Column) { c.(*block.DateTimeColumn).AppendMicros(at.UnixMicro()) }, at, time.UnixMilli(0).UTC()},
		{block.Date32("c"), func(c block.Column) { c.(*block.DateColumn).AppendDays(-165) }, time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC), time.UnixMilli(0).UTC()},
		{block.NullableDate32("c"), func(c block.Column) { c.(*block.NullableDateColumn).AppendDays(1) }, time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC), nil},
		{block.NullableOf(block.Float32("c")), func(c block.Column) { c.(*block.Nullable[float32]).Append(-0.5) }, -0.5, nil},
		{block.NullableOf(block.Int32("c")), func(c block.Column) { c.(*block.Nullable[int32]).Append(-32) }, int64(-32), nil},
		{block.NullableUUID("c"), func(c block.Column) {
			require.NoError(t, c.(*block.NullableUUIDColumn).AppendText([]byte(id.String())))
		}, [16]byte(id), nil},
		{block.NullableString("c"), func(c block.Column) { c.(*block.NullableStringColumn).AppendBytes(nil) }, "", nil},
		{block.NullableDateTime64Micro("c"), func(c block.Column) { c.(*block.NullableDateTimeColumn).AppendMicros(at.UnixMicro()) }, at, nil},
		{block.NullableDateTime64Milli("c"), func(c block.Column) { c.(*block.NullableDateTimeColumn).AppendMillis(at.UnixMilli()) }, at.Truncate(time.Millisecond), nil},
	}
	for _, c := range cases {
		t.Run(c.column.Type(), func(t *testing.T) {
			t.Parallel()
			b := block.New(c.column)
			for range 2 {
				c.column.AppendDefault()
				c.fill(c.column)
				require.Positive(t, b.Bytes())
				reader := decode(t, b)
				assert.Equal(t, 2, reader.Rows())
				assertValue(t, reader, 0, c.zero)
				assertValue(t, reader, 1, c.want)
				b.Reset()
				require.Zero(t, b.Rows())
			}
		})
	}
}

func assertValue(t *testing.T, reader *block.Reader, row int, want any) {
	t.Helper()
	switch want := want.(type) {
	case int64:
		assertScan(t, reader, row, want)
	case uint64:
		assertScan(t, reader, row, want)
	case float64:
		assertScan(t, reader, row, want)
	case bool:
		assertScan(t, reader, row, want)
	case string:
		assertScan(t, reader, row, want)
	case [16]byte:
		assertScan(t, reader, row, want)
	case time.Time:
		assertScan(t, reader, row, want)
	case map[string]string:
		assertScan(t, reader, row, want)
	case nil:
		value := new(string)
		require.NoError(t, reader.Scan(row, &value))
		assert.Nil(t, value)
	default:
		require.Failf(t, "unknown type", "%T", want)
	}
}

func assertScan[T any](t *testing.T, reader *block.Reader, row int, want T) {
	t.Helper()
	var got T
	require.NoError(t, reader.Scan(row, &got))
	assert.Equal(t, want, got)
}

// TestLowCardinalityKeysWiden holds that the width of the keys follows the number
// of distinct values at each bound, and that a later, smaller block is narrow
// again and carries none of the earlier values.
func TestLowCardinalityKeysWiden(t *testing.T) {
	t.Parallel()
	column := block.LowCardinality("c")
	b := block.New(column)
	for _, distinct := range []int{1, 256, 257, 65_536, 65_537, 3} {
		for i := range distinct {
			column.AppendBytes(strconv.AppendInt(nil, int64(i), 10))
		}
		column.Append("0")
		reader := decode(t, b)
		require.Equal(t, distinct+1, reader.Rows())
		assertScan(t, reader, distinct-1, strconv.Itoa(distinct-1))
		assertScan(t, reader, distinct, "0")
		b.Reset()
	}
	column.Append("only")
	assert.Less(t, b.Bytes(), 64, "a dictionary holds this block's values alone")
}

// TestInstantsSaturate holds that an instant outside DateTime64's range becomes
// the nearest bound and is reported, and that order is kept across 1970.
func TestInstantsSaturate(t *testing.T) {
	t.Parallel()
	first := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2299, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	cases := []struct {
		name      string
		append    func(milli, micro *block.DateTimeColumn) bool
		milli     time.Time
		micro     time.Time
		saturated bool
	}{
		{"infinity", micros(9223372036825200000), last.Truncate(time.Millisecond), last, true},
		{"year 12000", micros(316516204800000000), last.Truncate(time.Millisecond), last, true},
		{"largest", micros(math.MaxInt64), last.Truncate(time.Millisecond), last, true},
		{"smallest", micros(math.MinInt64), first, first, true},
		{"first", micros(first.UnixMicro()), first, first, false},
		{"last", micros(last.UnixMicro()), last.Truncate(time.Millisecond), last, false},
		{"before 1970", micros(-1), time.UnixMilli(-1).UTC(), time.UnixMicro(-1).UTC(), false},
		{"largest in milliseconds", millis(math.MaxInt64), last.Truncate(time.Millisecond), last.Truncate(time.Millisecond), true},
		{"smallest in milliseconds", millis(math.MinInt64), first, first, true},
		{"milliseconds", millis(1234), time.UnixMilli(1234).UTC(), time.UnixMilli(1234).UTC(), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			milli, micro := block.DateTime64Milli("milli"), block.DateTime64Micro("micro")
			assert.Equal(t, c.saturated, c.append(milli, micro))
			var gotMilli, gotMicro time.Time
			require.NoError(t, decode(t, block.New(milli, micro)).Scan(0, &gotMilli, &gotMicro))
			assert.Equal(t, c.milli, gotMilli)
			assert.Equal(t, c.micro, gotMicro)
		})
	}
}

func micros(value int64) func(milli, micro *block.DateTimeColumn) bool {
	return func(milli, micro *block.DateTimeColumn) bool {
		return milli.AppendMicros(value) && micro.AppendMicros(value) || milli.Rows() > micro.Rows() && micro.AppendMicros(value)
	}
}

func millis(value int64) func(milli, micro *block.DateTimeColumn) bool {
	return func(milli, micro *block.DateTimeColumn) bool {
		return milli.AppendMillis(value) && micro.AppendMillis(value) || milli.Rows() > micro.Rows() && micro.AppendMillis(value)
	}
}

// everyColumn is a block with one column of each type and a way to append a row.
func everyColumn() (*block.Block, func()) {
	id, text := [16]byte{1}, []byte("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	caption, device := []byte("a caption of ordinary length"), []byte("ios")
	var (
		eventID   = block.UUID("event_id")
		number    = block.Int64("number")
		device1   = block.LowCardinality("device")
		body      = block.String("caption")
		bio       = block.NullableString("bio")
		parent    = block.NullableUUID("parent")
		attribute = block.Map("attributes")
		at        = block.DateTime64Micro("at")
		deleted   = block.NullableDateTime64Milli("deleted_at")
		ratio     = block.Float32("ratio")
		day       = block.NullableDate32("day")
		price     = block.NullableDecimal("price", 2)
		tags      = block.TextArray("tags")
	)
	return block.New(eventID, number, device1, body, bio, parent, attribute, at, deleted, ratio, day, price, tags), func() {
		eventID.Append(id)
		number.Append(7)
		device1.AppendBytes(device)
		body.AppendBytes(caption)
		bio.AppendNull()
		_ = parent.AppendText(text)
		attribute.AddBytes(device, caption)
		attribute.EndRow()
		at.AppendMicros(1)
		deleted.AppendMillis(1)
		ratio.Append(0.5)
		day.AppendDays(1)
		price.AppendUnits(0, 9950)
		tags.AddBytes(device)
		tags.AddNull()
		tags.EndRow()
	}
}

// TestAppendingDoesNotAllocate holds the promise of the hot path: after one
// block of the same size, filling another costs no allocation.
func TestAppendingDoesNotAllocate(t *testing.T) {
	b, appendRow := everyColumn()
	fill := func() {
		b.Reset()
		for range 1000 {
			appendRow()
		}
	}
	fill()
	assert.Zero(t, testing.AllocsPerRun(10, fill))
}

// TestTruncateTakesBackAHalfAppendedRow holds that a row which fails in its
// middle leaves no trace in any column.
func TestTruncateTakesBackAHalfAppendedRow(t *testing.T) {
	t.Parallel()
	b, appendRow := everyColumn()
	appendRow()
	appendRow()
	before := decode(t, b)

	b.Columns()[0].(*block.UUIDColumn).Append([16]byte{9})
	b.Columns()[2].(*block.LowCardinalityColumn).Append("half")
	b.Columns()[6].(*block.MapColumn).Add("half", "pair")
	require.ErrorContains(t, b.Check(), "column number has 2 rows, column event_id has 3")
	require.Error(t, b.Columns()[5].(*block.NullableUUIDColumn).AppendText([]byte("none")))
	require.Equal(t, 2, b.Rows())
	b.Truncate(2)

	after := decode(t, b)
	require.Equal(t, before.Rows(), after.Rows())
	for row := range 2 {
		assert.Equal(t, fmt.Sprint(before.Row(row)), fmt.Sprint(after.Row(row)))
	}
	b.Truncate(0)
	assert.Zero(t, b.Rows())
	require.NoError(t, b.Check())
}

// TestUUIDTextIsCanonical holds that only the 36-character form is taken, and
// that nothing is appended otherwise.
func TestUUIDTextIsCanonical(t *testing.T) {
	t.Parallel()
	column := block.UUID("id")
	for _, text := range []string{"", "6ba7b8109dad11d180b400c04fd430c8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "6ba7b810-9dad-11d1-80b4-00c04fd430cX"} {
		require.Error(t, column.AppendText([]byte(text)), text)
	}
	assert.Zero(t, column.Rows())
	require.NoError(t, column.AppendText([]byte("6BA7B810-9dad-11d1-80b4-00c04fd430c8")))
	assert.Equal(t, 1, column.Rows())
}

// FuzzUUIDText holds that any text either is the canonical form of the value that
// is appended, in either case, or is refused and leaves the column as it was.
func FuzzUUIDText(f *testing.F) {
	f.Add("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	f.Add("6BA7B810-9DAD-11D1-80B4-00C04FD430C8")
	f.Add("6ba7b8109dad-11d1-80b4-00c04fd430c8--")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		column := block.UUID("id")
		if column.AppendText([]byte(text)) != nil {
			assert.Zero(t, column.Rows())
			return
		}
		var value [16]byte
		require.NoError(t, decode(t, block.New(column)).Scan(0, &value))
		assert.Equal(t, strings.ToLower(text), uuid.UUID(value).String())
	})
}

// TestColumnListQuotesNames holds the form of the list in an INSERT.
func TestColumnListQuotesNames(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "(`id`, `offset`)", block.New(block.UUID("id"), block.Int64("offset")).ColumnList())
	require.Error(t, block.New().Check())
}

func BenchmarkAppendRow(b *testing.B) {
	columns, appendRow := everyColumn()
	b.ReportAllocs()
	for i := range b.N {
		if i%10_000 == 0 {
			columns.Reset()
		}
		appendRow()
	}
}
