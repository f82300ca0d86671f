package table_test

import (
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// extremes are the columns of the captured table of values at the ends of types,
// but for the arrays of what is no text, which no kind holds.
func extremes(isPrecise bool) captured {
	return captured{"extremes", table.BigInt("id").Key(), "Int64", append(extremeNumerics(isPrecise), []kind{
		{table.BigInt("i8_max"), "i8_max", "Int64", "9223372036854775807", false},
		{table.BigInt("i8_min"), "i8_min", "Int64", "-9223372036854775808", false},
		{table.Double("f_small"), "f_small", "Float64", "5e-324", false},
		{table.Double("f_big"), "f_big", "Float64", "1.7976931348623157e308", false},
		{table.TextArray("ids"), "ids", "Array(Nullable(String))", `['aaaaaaaa-0000-4000-8000-000000000000',NULL]`, false},
		{table.TextArray("states"), "states", "Array(Nullable(String))", `['draft','published']`, false},
		{table.TextArray("times"), "times", "Array(Nullable(String))", `['2025-11-23T12:13:20.123456Z','infinity',NULL]`, false},
		{table.TextArray("nums").Nullable(), "nums", "Array(Nullable(String))", `[]`, false},
		{table.TextArray("none"), "none", "Array(Nullable(String))", `[]`, false},
		{table.JSON("j"), "j", "String", `{"a":  1, "a": 2}`, false},
		{table.Text("empty"), "empty", "String", "", false},
		{table.Text("ch"), "ch", "String", "ab  ", false},
		{table.Category("c"), "c", "LowCardinality(String)", "x", false},
		{table.Text("ip"), "ip", "String", "10.0.0.0/8", false},
		{table.Text("mac"), "mac", "String", "08:00:2b:01:02:03", false},
		{table.Bytes("bits"), "bits", "String", "\x05", false},
		{table.Bool("flag"), "flag", "Bool", "true", false},
		{table.Interval("itv"), "itv", "Int64", "-31373754999994", false},
		{table.Time("tm_end"), "tm_end", "Int64", "86400000000", false},
		{table.Date("d_bc"), "d_bc", "Date32", "1900-01-01", true},
		{table.Timestamp("ts_bc"), "ts_bc", "DateTime64(6, 'UTC')", firstInstant, true},
		{table.TimestampMilli("ts0"), "ts0", "DateTime64(6, 'UTC')", "2025-11-23 12:13:20.000000", false},
		{table.TimestampMilli("ts3"), "ts3", "DateTime64(6, 'UTC')", "2025-11-23 12:13:20.123000", false},
		{table.Timestamptz("tz3"), "tz3", "DateTime64(6, 'UTC')", "2025-11-23 12:13:20.123000", false},
		{table.Text("x"), "x", "String", "<a>🌸</a>", false},
	}...)}
}

func extremeNumerics(isPrecise bool) []kind {
	const (
		most9 = "99999999999999999999999999999.999999999"
		most2 = "999999999999999999999999999999999999.99"
	)
	declared := table.Numeric
	infinite, negative, isCut := most2, "-"+most2, true
	if isPrecise {
		declared = table.PreciseNumeric
		infinite, negative, isCut = `\N`, `\N`, false
	}
	return []kind{
		{table.Numeric("num_inf", 2), "num_inf", "Decimal(38, 2)", infinite, isCut},
		{table.Numeric("num_ninf", 2), "num_ninf", "Decimal(38, 2)", negative, isCut},
		{table.Numeric("num_big", 9), "num_big", "Decimal(38, 9)", most9, true},
		{declared("num_small", 20), "num_small", "Decimal(38, 20)", "0.00000000000000000001", false},
		{declared("num_negative", 2), "num_negative", "Decimal(38, 2)", "-99.5", false},
		{declared("num_zero", 2), "num_zero", "Decimal(38, 2)", "0", false},
		{declared("money", 4), "money", "Decimal(38, 4)", "922337203685477.5807", false},
	}
}

// Values at the ends of each type are in ClickHouse as the row had them, however
// they came; what it cannot hold is its bound and counted. What the connector
// itself writes as NULL is NULL.
func TestExtremesAreStored(t *testing.T) {
	server, pool := migrated(t)
	tests := []struct {
		record               string
		isWrapped, isPrecise bool
		n                    string
	}{
		{"types_extremes_snapshot", false, false, "1"},
		{"types_extremes_streamed", false, false, "1"},
		{"wrapped_types_extremes", true, false, "2"},
		{"wrapped_types_extremes_precise", true, true, "3"},
		{"types_extremes_precise", false, true, "4"},
	}
	for _, test := range tests {
		t.Run(test.record, func(t *testing.T) {
			n := requireStored(t, server, pool, extremes(test.isPrecise), capture(t, test.record, test.isWrapped))
			assert.Equal(t, test.n, n)
		})
	}
}

// A time or timestamp of at most three digits of seconds is stored in the unit of
// all others, and its infinities at the bounds. The values are what the connector
// 3.6.3 makes of them.
func TestMillisecondsAreStored(t *testing.T) {
	server, pool := migrated(t)
	instant := func(want string, isCut bool) kind {
		return kind{table.TimestampMilli("c"), "c", "DateTime64(6, 'UTC')", want, isCut}
	}
	timeOfDay := func(want string) kind { return kind{table.TimeMilli("c"), "c", "Int64", want, false} }
	tests := map[string]struct {
		value string
		kind  kind
	}{
		"infinity":          {"9223372036825200", instant(lastInstant, true)},
		"negative infinity": {"-9223372036832400", instant(firstInstant, true)},
		"the last year":     {"9224318015999000", instant(lastInstant, true)},
		"the first year":    {"-210863520000000", instant(firstInstant, true)},
		"before 1970":       {"-1", instant("1969-12-31 23:59:59.999000", false)},
		"noon":              {"43200123", timeOfDay("43200123000")},
		"end of the day":    {"86400000", timeOfDay("86400000000")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := captured{"milliseconds", table.BigInt("id").Key(), "Int64", []kind{test.kind}}
			change := cdctest.Change{Op: "c", Table: c.name, LSN: 800, After: `{"id":1,"n":null,"c":` + test.value + `}`}
			assert.Equal(t, `\N`, requireStored(t, server, pool, c, change.Record("1").Value))
		})
	}
}

// A text of a megabyte is stored as it was.
func TestLargeTextIsStored(t *testing.T) {
	server, pool := migrated(t)
	packed, err := os.Open("../../../../pkg/debezium/testdata/records/large_text.json.gz")
	require.NoError(t, err)
	defer func() { require.NoError(t, packed.Close()) }()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	value, err := io.ReadAll(unpacked)
	require.NoError(t, err)

	rows := rowsOf(t, "posts")
	require.NoError(t, appendTo(t, rows, cdctest.Record{Value: value}))
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "posts", Block: rows.Block()}))
	assert.Equal(t, "1\timg/3.jpg", server.Query("SELECT caption = repeat('0123456789abcdef', 65536), image_key FROM posts"))
}
