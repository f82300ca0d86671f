package block_test

import (
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a pool of the server's.
func open(t *testing.T, server *chtest.Server) *clickhouse.Pool {
	t.Helper()
	var cfg struct {
		ClickHouse clickhouse.Config `envconfig:"CLICKHOUSE"`
	}
	t.Setenv("CLICKHOUSE_ADDR", server.Addr)
	require.NoError(t, config.Load(&cfg))
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{
		Log: slog.New(slog.DiscardHandler), Meter: noop.NewMeterProvider().Meter(""),
	})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// wide is a block of the columns that PostgreSQL's types become, nullable or not.
type wide struct {
	block  *block.Block
	number *block.Fixed[uint32]
	real   *block.Fixed[float32]
	day    *block.DateColumn
	nDay   *block.NullableDateColumn
	price  *block.DecimalColumn
	nPrice *block.NullableDecimalColumn
	tags   *block.TextArrayColumn
}

const wideColumns = "number UInt32, real Float32, day Date32, n_day Nullable(Date32), price Decimal(38, 2), n_price Nullable(Decimal(38, 38)), tags Array(Nullable(String))"

func newWide() *wide {
	w := &wide{
		number: block.UInt32("number"), real: block.Float32("real"),
		day: block.Date32("day"), nDay: block.NullableDate32("n_day"),
		price: block.Decimal("price", 2), nPrice: block.NullableDecimal("n_price", 38),
		tags: block.TextArray("tags"),
	}
	w.block = block.New(w.number, w.real, w.day, w.nDay, w.price, w.nPrice, w.tags)
	return w
}

// appendRow returns how many of the row's values are cut to their bounds.
func (w *wide) appendRow(days int32, high int64, low uint64, tags ...string) (saturated int) {
	w.number.Append(uint32(w.number.Rows()))
	w.real.Append(1.1)
	for _, isCut := range []bool{
		w.day.AppendDays(days), w.nDay.AppendDays(days), w.price.AppendUnits(high, low), w.nPrice.AppendUnits(high, low),
	} {
		if isCut {
			saturated++
		}
	}
	for _, tag := range tags {
		w.add(tag)
	}
	w.tags.EndRow()
	return saturated
}

func (w *wide) add(tag string) {
	if tag == "NULL" {
		w.tags.AddNull()
		return
	}
	w.tags.AddBytes([]byte(tag))
}

// stored inserts the block into an empty table and returns what the table holds,
// a row a line.
func stored(t *testing.T, server *chtest.Server, pool *clickhouse.Pool, b *block.Block) []string {
	t.Helper()
	server.Exec("TRUNCATE TABLE wide")
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "wide", Block: b}))
	return strings.Split(server.Query("SELECT * FROM wide ORDER BY number"), "\n")
}

// TestEngineStoresWhatWasAppended holds that dates, decimals and arrays are in the
// table as they were appended, at their bounds and cut to them beyond, with
// defaults and NULLs, and the same after Truncate, Select and Reset.
func TestEngineStoresWhatWasAppended(t *testing.T) {
	server := chtest.Start(t)
	server.Exec("CREATE TABLE wide (" + wideColumns + ") ENGINE = MergeTree ORDER BY number")
	pool := open(t, server)
	const most, least = "999999999999999999999999999999999999.99", "-999999999999999999999999999999999999.99"
	fraction := "0." + strings.Repeat("9", 38)
	want := []string{
		"0\t1.1\t1969-07-20\t1969-07-20\t-99.5\t" + `-0.0000000000000000000000000000000000995` + "\t['a',NULL,'c\"d','']",
		"1\t1.1\t1900-01-01\t1900-01-01\t" + least + "\t-" + fraction + "\t[]",
		"2\t1.1\t2299-12-31\t2299-12-31\t" + most + "\t" + fraction + "\t[NULL]",
		"3\t1.1\t2299-12-31\t2299-12-31\t" + most + "\t" + fraction + "\t['🌸']",
		"4\t1.1\t1900-01-01\t1900-01-01\t" + least + "\t-" + fraction + "\t[]",
		"5\t0\t1970-01-01\t\\N\t0\t\\N\t[]",
	}
	w := newWide()
	for range 2 {
		w.block.Reset()
		assert.Zero(t, w.appendRow(-165, -1, math.MaxUint64-9949, "a", "NULL", `c"d`, ""))
		assert.Zero(t, w.appendRow(-25_567, ^0x4b3b4ca85a86c47a, 0xf675ddc000000001))
		assert.Zero(t, w.appendRow(120_529, 0x4b3b4ca85a86c47a, 0x098a223fffffffff, "NULL"))
		assert.Equal(t, 4, w.appendRow(math.MaxInt32, math.MaxInt64, math.MaxUint64, "🌸"))
		assert.Equal(t, 4, w.appendRow(math.MinInt32, math.MinInt64, 0))
		w.number.Append(5)
		for _, column := range w.block.Columns()[1:] {
			column.AppendDefault()
		}
		assert.Equal(t, want, stored(t, server, pool, w.block))

		w.appendRow(1, 0, 1, "half")
		w.add("open")
		w.block.Truncate(6)
		assert.Equal(t, want, stored(t, server, pool, w.block))
		chosen := w.block.Select([]int{5, 0, 3})
		assert.Equal(t, []string{want[0], want[3], want[5]}, stored(t, server, pool, chosen))
		w.block.Truncate(1)
		assert.Equal(t, want[:1], stored(t, server, pool, w.block))
	}
}

// TestDecimalsSaturateBeyond38Digits holds where the bounds lie, to the unit.
func TestDecimalsSaturateBeyond38Digits(t *testing.T) {
	t.Parallel()
	const high, low = 0x4b3b4ca85a86c47a, 0x098a223fffffffff
	cases := []struct {
		name      string
		high      int64
		low       uint64
		saturated bool
	}{
		{"most", high, low, false},
		{"one more", high, low + 1, true},
		{"more by 2 to the 64th", high + 1, 0, true},
		{"least", ^high, ^uint64(low) + 1, false},
		{"one less", ^high, ^uint64(low), true},
		{"less by 2 to the 64th", ^high - 1, math.MaxUint64, true},
		{"nought", 0, 0, false},
		{"minus one", -1, math.MaxUint64, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.saturated, block.Decimal("d", 0).AppendUnits(c.high, c.low))
			assert.Equal(t, c.saturated, block.NullableDecimal("d", 0).AppendUnits(c.high, c.low))
		})
	}
}
