package table_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// kind is a column of the captured tables.
type kind struct {
	mapped table.Column
	source string
	stored string // its type in ClickHouse
	want   string // as ClickHouse shows it
	isCut  bool   // to a bound, or to NULL
}

const (
	firstInstant = "1900-01-01 00:00:00.000000"
	lastInstant  = "2299-12-31 23:59:59.999999"
)

// kinds are all columns of the captures of every type but the key; isPrecise says
// which decimal mode they were made under.
func kinds(isPrecise bool) []kind {
	numeric, nan, isCut := table.Numeric("num", 2), table.Numeric("num_nan", 2), true
	if isPrecise {
		numeric, nan, isCut = table.PreciseNumeric("num", 2), table.PreciseNumeric("num_nan", 2), false
	}
	return []kind{
		{table.SmallInt("i2"), "i2", "Int16", "-32768", false},
		{table.Integer("i4"), "i4", "Int32", "2147483647", false},
		{table.BigInt("i8"), "i8", "Int64", "9007199254740993", false},
		{table.Real("f4"), "f4", "Float32", "1.1", false},
		{table.Double("f8"), "f8", "Float64", "15000000000", false},
		{table.Double("nan"), "nan", "Float64", "nan", false},
		{table.Real("inf"), "inf", "Float32", "inf", false},
		{table.Double("ninf"), "ninf", "Float64", "-inf", false},
		{table.Bool("b"), "b", "Bool", "false", false},
		{table.Timestamp("ts"), "ts", "DateTime64(6, 'UTC')", "2025-11-23 12:13:20.123456", false},
		{table.Timestamp("ts_inf"), "ts_inf", "DateTime64(6, 'UTC')", lastInstant, true},
		{table.Timestamp("ts_ninf"), "ts_ninf", "DateTime64(6, 'UTC')", firstInstant, true},
		{table.Timestamp("ts_12000"), "ts_12000", "DateTime64(6, 'UTC')", lastInstant, true},
		{table.Timestamptz("tz"), "tz", "DateTime64(6, 'UTC')", "2025-11-23 12:13:20.123456", false},
		{table.Timestamptz("tz_inf"), "tz_inf", "DateTime64(6, 'UTC')", lastInstant, true},
		{table.Timestamptz("tz_ninf"), "tz_ninf", "DateTime64(6, 'UTC')", firstInstant, true},
		{table.Timestamptz("tz_bc"), "tz_bc", "DateTime64(6, 'UTC')", firstInstant, true},
		{table.Timestamptz("tz_12000"), "tz_12000", "DateTime64(6, 'UTC')", lastInstant, true},
		{table.Date("d"), "d", "Date32", "1969-07-20", false},
		{table.Date("d_inf"), "d_inf", "Date32", "2299-12-31", true},
		{table.Date("d_ninf"), "d_ninf", "Date32", "1900-01-01", true},
		{table.Date("d_12000"), "d_12000", "Date32", "2299-12-31", true},
		{numeric, "num", "Decimal(38, 2)", "99.5", false},
		{nan, "num_nan", "Decimal(38, 2)", `\N`, isCut},
		{table.Numeric("num_free", 10), "num_free", "Decimal(38, 10)", "1.23456", false},
		{table.JSON("j"), "j", "String", `{"k": [1, "ü"]}`, false},
		{table.TextArray("tags"), "tags", "Array(Nullable(String))", `['a',NULL,'c"d']`, false},
		{table.Category("e"), "e", "LowCardinality(String)", "draft", false},
		{table.Text("ip"), "ip", "String", "10.0.0.1", false},
		{table.Bytes("bytes"), "bytes", "String", "\xde\xad\xbe\xef", false},
		{table.Interval("itv"), "itv", "Int64", "3600000000", false},
		{table.Time("tm"), "tm", "Int64", "43200000000", false},
		{table.Text("tmtz"), "tmtz", "String", "10:00:00Z", false},
		{table.Text("emoji"), "emoji", "String", "cherry 🌸 Kirschblüte", false},
		{table.Text("ctrl"), "ctrl", "String", `tab\tnl\nq"b\\ ` + "\u2028\x01", false},
		{table.Text("vc"), "vc", "String", "vc", false},
	}
}

// takesNull tells whether the kind's type can be Nullable in ClickHouse.
func (k kind) takesNull() bool {
	return !strings.HasPrefix(k.stored, "Array") && !strings.HasPrefix(k.stored, "LowCardinality")
}

// captured is a table of which records were captured.
type captured struct {
	name   string
	id     table.Column
	idType string
	kinds  []kind
}

// everything is the captured table of every type.
func everything(kinds []kind) captured {
	return captured{"everything", table.UUID("id").Key(), "UUID", kinds}
}

// twice maps each column twice where it can: as one that may be NULL, and as one
// that may not.
func (c captured) twice() (mapped table.Table, ddl string, want []string, cut map[string]int64) {
	mapped = table.Table{Source: c.name, Target: c.name, Columns: []table.Column{c.id, table.Integer("n").Nullable()}}
	ddl = "CREATE TABLE " + c.name + " (id " + c.idType + ", n Nullable(Int32)"
	cut = map[string]int64{}
	add := func(k kind, column table.Column, name, stored string) {
		mapped.Columns = append(mapped.Columns, column.As(name))
		ddl += ", " + name + " " + stored
		want = append(want, name+" = "+k.want)
		if k.isCut {
			cut[name] = 1
		}
	}
	for _, k := range c.kinds {
		if k.want != `\N` {
			add(k, k.mapped, "sure_"+k.source, k.stored)
		}
		if k.takesNull() {
			add(k, k.mapped.Nullable(), "maybe_"+k.source, "Nullable("+k.stored+")")
		}
	}
	ddl += ", version UInt64, is_deleted UInt8) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY id"
	return mapped, ddl, want, cut
}

// requireStored stores a record in an empty table and requires each cell to be as
// its kind wants it, and what was cut to be counted. It returns n.
func requireStored(t *testing.T, server *chtest.Server, pool *clickhouse.Pool, c captured, value []byte) (n string) {
	t.Helper()
	mapped, ddl, want, cut := c.twice()
	server.Exec("DROP TABLE IF EXISTS " + c.name)
	server.Exec(ddl)
	rows := mapped.NewRows(epochs())
	require.NoError(t, appendTo(t, rows, cdctest.Record{Value: value}))
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: c.name, Block: rows.Block()}))

	cells := strings.Split(server.Query("SELECT * EXCEPT (id, version, is_deleted) FROM "+c.name), "\t")
	require.Len(t, cells, len(want)+1)
	for i, cell := range cells[1:] {
		name, _, _ := strings.Cut(want[i], " ")
		assert.Equal(t, want[i], name+" = "+cell)
	}
	counted := map[string]int64{}
	rows.EachSaturated(func(column string, count int64) { counted[column] = count })
	assert.Equal(t, cut, counted)
	return cells[0]
}

// readCapture reads a record that the connector wrote.
func readCapture(tb testing.TB, name string) []byte {
	tb.Helper()
	value, err := os.ReadFile("../../../../pkg/debezium/testdata/records/" + name + ".json")
	require.NoError(tb, err)
	return value
}

// capture returns a captured record with the schema wrapper or without it.
func capture(t *testing.T, name string, isWrapped bool) []byte {
	t.Helper()
	value := readCapture(t, name)
	if isWrapped == strings.HasPrefix(name, "wrapped_") {
		return value
	}
	var wrapper struct{ Schema, Payload json.RawMessage }
	if !isWrapped {
		require.NoError(t, json.Unmarshal(value, &wrapper))
		return wrapper.Payload
	}
	require.NoError(t, json.Unmarshal(readCapture(t, "wrapped_types_precise"), &wrapper))
	return []byte(`{"schema":` + string(wrapper.Schema) + `,"payload":` + string(value) + `}`)
}

// Every PostgreSQL type is in ClickHouse as the row had it, cell by cell, streamed
// and by each kind of snapshot, with the schema wrapper and without, in both
// decimal modes; what ClickHouse cannot hold is its bound, or NULL, and counted.
func TestEveryTypeIsStored(t *testing.T) {
	server, pool := migrated(t)
	const most = "2147483647"
	tests := []struct {
		record                           string
		isWrapped, isPrecise, isSnapshot bool
		n, i4                            string
	}{
		{"types_streamed", false, false, false, `\N`, most},
		{"types_streamed", true, false, false, `\N`, most},
		{"types_snapshot", false, false, true, `\N`, most},
		{"types_incremental", false, false, true, `\N`, most},
		{"types_blocking", false, false, true, `\N`, most},
		{"types_precise", false, true, false, `\N`, "5"},
		{"wrapped_types", true, false, false, `\N`, "7"},
		{"wrapped_types_precise", true, true, false, "7", most},
		{"wrapped_types_precise", false, true, false, "7", most},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s/wrapped=%t", test.record, test.isWrapped), func(t *testing.T) {
			columns := kinds(test.isPrecise)
			value := capture(t, test.record, test.isWrapped)
			for i := range columns {
				switch {
				case columns[i].source == "ctrl" && test.isSnapshot:
					columns[i].want = `tab\tnl\nq"b\\ ` + "\u2028"
				case columns[i].source == "i4":
					columns[i].want = test.i4
				}
			}
			assert.Equal(t, test.n, requireStored(t, server, pool, everything(columns), value))
		})
	}
}

// A NULL is NULL in each type that can be it, and no array is an empty one.
func TestEveryTypeMayBeNull(t *testing.T) {
	server, pool := migrated(t)
	mapped := table.Table{Source: "nothing", Target: "nothing", Columns: []table.Column{table.UUID("id").Key()}}
	var want []string
	var ddl strings.Builder
	after := map[string]any{"id": postID}
	for _, k := range kinds(false) {
		after[k.source] = nil
		switch {
		case k.takesNull():
			want, k.stored = append(want, `\N`), "Nullable("+k.stored+")"
		case strings.HasPrefix(k.stored, "Array"):
			want = append(want, "[]")
		default:
			continue
		}
		mapped.Columns = append(mapped.Columns, k.mapped.Nullable())
		ddl.WriteString(k.source + " " + k.stored + ", ")
	}
	server.Exec("CREATE TABLE nothing (id UUID, " + ddl.String() + "version UInt64, is_deleted UInt8) ENGINE = MergeTree ORDER BY id")
	text, err := json.Marshal(after)
	require.NoError(t, err)
	rows := mapped.NewRows(epochs())
	require.NoError(t, appendTo(t, rows, cdctest.Change{Op: "c", Table: "nothing", LSN: 800, After: string(text)}.Record(postID)))
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "nothing", Block: rows.Block()}))
	assert.Equal(t, want, strings.Split(server.Query("SELECT * EXCEPT (id, version, is_deleted) FROM nothing"), "\t"))
}

// A value that does not fit its column is refused with the column and the value,
// and takes no part of its row, nor the row before, with it.
func TestValuesThatDoNotFit(t *testing.T) {
	tests := map[string]struct {
		column     table.Column
		fits, ends string
	}{
		"smallint that was widened":        {table.SmallInt("c"), `1`, `40000`},
		"integer that was widened":         {table.Integer("c"), `1`, `3000000000`},
		"bigint that became numeric":       {table.BigInt("c"), `1`, `"1.5"`},
		"real that was widened":            {table.Real("c"), `1`, `1E300`},
		"numeric with more digits":         {table.Numeric("c", 2), `"1.50"`, `"1.505"`},
		"numeric of the other mode":        {table.Numeric("c", 2), `"1.50"`, `"Jt4="`},
		"precise numeric of the other":     {table.PreciseNumeric("c", 2), `"Jt4="`, `"99.50"`},
		"NaN where NULL has no place":      {table.Numeric("c", 2), `"1.50"`, `"NAN"`},
		"array with a number after a text": {table.TextArray("c"), `["a"]`, `["a",7]`},
		"bytes that are text":              {table.Bytes("c"), `"AA=="`, `"no base64"`},
		"date that became a timestamp":     {table.Date("c"), `1`, `1763900000123456`},
		"time of another precision":        {table.Time("c"), `1`, `43200000000000`},
		"time in microseconds":             {table.TimeMilli("c"), `86400000`, `43200000000`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rows := table.Table{Source: "t", Target: "t", Columns: []table.Column{table.UUID("id").Key(), test.column}}.NewRows(epochs())
			change := func(value string) cdctest.Record {
				return cdctest.Change{Op: "c", Table: "t", LSN: 800, After: `{"id":"` + postID + `","c":` + value + `}`}.Record(postID)
			}
			require.NoError(t, appendTo(t, rows, change(test.fits)))
			err := appendTo(t, rows, change(test.ends))
			var wrong *debezium.Error
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, "c", wrong.Column)
			assert.Equal(t, table.Reason("value"), table.ReasonOf(err))
			assert.NotZero(t, wrong.Offset)
			assert.Contains(t, wrong.Detail, "found "+strconv.Quote(strings.TrimPrefix(strings.TrimSuffix(test.ends, "]"), `["a",`)))
			require.NoError(t, appendTo(t, rows, change(test.fits)))
			require.NoError(t, rows.Block().Check())
			assert.Equal(t, 2, rows.Block().Rows())
		})
	}
}

// Filling a warm block of every type allocates nothing per row.
func TestEveryTypeAllocatesNothing(t *testing.T) {
	mapped, _, _, _ := everything(kinds(false)).twice()
	rows := mapped.NewRows(epochs())
	value := capture(t, "types_streamed", false)
	var e debezium.Envelope
	fill := func() {
		rows.Reset()
		if e.Decode(value) != nil || rows.Append(&e) != nil {
			t.Error("a record that fits was refused")
		}
	}
	fill()
	assert.Zero(t, testing.AllocsPerRun(100, fill))
}
