package debezium_test

import (
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

func value(raw string) debezium.Value { return debezium.Value{Raw: []byte(raw), Offset: 7} }

// read calls a reader, giving its result the type any, for tables of mixed types.
func read[T any](reader func(debezium.Value) (T, error)) func(debezium.Value) (any, error) {
	return func(v debezium.Value) (any, error) { return reader(v) }
}

func readText(v debezium.Value) (any, error) {
	var scratch []byte
	text, err := v.Text(&scratch)
	return string(text), err
}

func readUUID(v debezium.Value) (any, error) {
	id, err := v.UUID()
	return hex.EncodeToString(id[:]), err
}

func readInt(bits int) func(debezium.Value) (any, error) {
	return func(v debezium.Value) (any, error) { return v.Int(bits) }
}

func readFloat(bits int) func(debezium.Value) (any, error) {
	return func(v debezium.Value) (any, error) { return v.Float(bits) }
}

func readNumeric(scale int) func(debezium.Value) (any, error) {
	return func(v debezium.Value) (any, error) {
		n, isNaN, err := v.Numeric(scale)
		if isNaN {
			return "NaN", err
		}
		return n, err
	}
}

func readPrecise(scale int) func(debezium.Value) (any, error) {
	return func(v debezium.Value) (any, error) { return v.PreciseNumeric(scale) }
}

func readBytes(v debezium.Value) (any, error) {
	var scratch []byte
	decoded, err := v.Bytes(&scratch)
	return string(decoded), err
}

func readElements(v debezium.Value) (any, error) {
	var scratch []byte
	elements := []string{}
	err := v.Elements(&scratch, func(text []byte, isNull bool) {
		if isNull {
			text = []byte("NULL")
		}
		elements = append(elements, string(text))
	})
	return elements, err
}

// Each PostgreSQL type is read to the value that the row had, whether it was
// streamed or came by any kind of snapshot.
func TestReadsEachType(t *testing.T) {
	const infinite, negativeInfinite = int64(debezium.InfiniteMicros), int64(debezium.NegativeInfiniteMicros)
	tests := []struct {
		column string
		read   func(debezium.Value) (any, error)
		want   any
	}{
		{"i2", readInt(16), int64(-32768)},
		{"i4", readInt(32), int64(2147483647)},
		{"i8", readInt(64), int64(9007199254740993)},
		{"itv", read(debezium.Value.Interval), int64(3600000000)},
		{"tm", read(debezium.Value.Time), int64(43200000000)},
		{"f4", readFloat(32), float64(float32(1.1))},
		{"f8", readFloat(64), 1.5e10},
		{"inf", readFloat(64), math.Inf(1)},
		{"ninf", readFloat(64), math.Inf(-1)},
		{"b", read(debezium.Value.Bool), false},
		{"ts", read(debezium.Value.Timestamp), int64(1763900000123456)},
		{"ts_inf", read(debezium.Value.Timestamp), infinite},
		{"ts_ninf", read(debezium.Value.Timestamp), negativeInfinite},
		{"ts_12000", read(debezium.Value.Timestamp), int64(316516204800000000)},
		{"tz", read(debezium.Value.Timestamptz), int64(1763900000123456)},
		{"tz_inf", read(debezium.Value.Timestamptz), infinite},
		{"tz_ninf", read(debezium.Value.Timestamptz), negativeInfinite},
		{"tz_bc", read(debezium.Value.Timestamptz), int64(-63517824000000000)},
		{"tz_12000", read(debezium.Value.Timestamptz), int64(316516204800000000)},
		{"d", read(debezium.Value.Date), int32(-165)},
		{"d_inf", read(debezium.Value.Date), int32(debezium.InfiniteDays)},
		{"d_ninf", read(debezium.Value.Date), int32(debezium.NegativeInfiniteDays)},
		{"d_12000", read(debezium.Value.Date), int32(3663382)},
		{"num", readNumeric(2), debezium.Int128{Low: 9950}},
		{"num_nan", readNumeric(2), "NaN"},
		{"num_free", readNumeric(10), debezium.Int128{Low: 12345600000}},
		{"tags", readElements, []string{"a", "NULL", `c"d`}},
		{"bytes", readBytes, "\xde\xad\xbe\xef"},
		{"j", readText, `{"k": [1, "ü"]}`},
		{"emoji", readText, "cherry 🌸 Kirschblüte"},
		{"e", readText, "draft"},
		{"ip", readText, "10.0.0.1"},
		{"tmtz", readText, "10:00:00Z"},
		{"vc", readText, "vc"},
	}
	for _, name := range []string{"types_streamed", "types_snapshot", "types_incremental", "types_blocking"} {
		var e debezium.Envelope
		require.NoError(t, e.Decode(records(t)[name]))
		for _, test := range tests {
			t.Run(name+"/"+test.column, func(t *testing.T) {
				column, found := e.After.Find(test.column)
				require.True(t, found)
				got, err := test.read(column)
				require.NoError(t, err)
				assert.Equal(t, test.want, got)
			})
		}
		nan, _ := e.After.Find("nan")
		f, err := nan.Float(64)
		require.NoError(t, err)
		assert.True(t, math.IsNaN(f))
	}
}

// An excluded column is absent, which is not the same as null.
func TestFind(t *testing.T) {
	var e debezium.Envelope
	require.NoError(t, e.Decode(records(t)["snapshot_initial"]))
	_, found := e.After.Find("email")
	assert.False(t, found)
	avatar, found := e.After.Find("avatar_key")
	assert.True(t, found)
	assert.True(t, avatar.IsNull())
}

// reading is a value, what reads it, and what comes out.
type reading struct {
	name, raw string
	read      func(debezium.Value) (any, error)
	want      any // nil: refused
}

func plainValues() []reading {
	return []reading{
		{"uuid upper case", `"6F1C1A52-7F0B-4F5E-8A35-3A2F7B9C0D11"`, readUUID, "6f1c1a527f0b4f5e8a353a2f7b9c0d11"},
		{"uuid unknown in a delete", `""`, readUUID, nil},
		{"uuid without hyphens", `"6f1c1a527f0b4f5e8a353a2f7b9c0d11"`, readUUID, nil},
		{"uuid with misplaced hyphens", `"6f1c1a5-27f0b-4f5e-8a35-3a2f7b9c0d11"`, readUUID, nil},
		{"uuid not hexadecimal", `"6f1c1a52-7f0b-4f5e-8a35-3a2f7b9c0dxx"`, readUUID, nil},
		{"uuid null", `null`, readUUID, nil},
		{"int16 least", `-32768`, readInt(16), int64(math.MinInt16)},
		{"int16 beyond", `32768`, readInt(16), nil},
		{"int32 beyond", `-2147483649`, readInt(32), nil},
		{"int64 most", `9223372036854775807`, readInt(64), int64(math.MaxInt64)},
		{"int64 least", `-9223372036854775808`, readInt(64), int64(math.MinInt64)},
		{"int64 beyond", `9223372036854775808`, readInt(64), nil},
		{"int beyond uint64", `18446744073709551616`, readInt(64), nil},
		{"int with a fraction", `1.0`, readInt(64), nil},
		{"int with an exponent", `1e3`, readInt(64), nil},
		{"int in quotes", `"1"`, readInt(64), nil},
		{"int of no bytes", ``, readInt(64), nil},
		{"bool true", `true`, read(debezium.Value.Bool), true},
		{"bool as a number", `1`, read(debezium.Value.Bool), nil},
		{"float negative infinity", `"-Infinity"`, readFloat(64), math.Inf(-1)},
		{"float of other words", `"inf"`, readFloat(64), nil},
		{"float null", `null`, readFloat(64), nil},
		{"float too large", `1e999`, readFloat(64), nil},
		{"float too large for 32 bits", `1e39`, readFloat(32), nil},
		{"float of 32 bits", `3.4028235E38`, readFloat(32), float64(math.MaxFloat32)},
		{"float negative", `-0.25`, readFloat(64), -0.25},
		{"text empty", `""`, readText, ""},
		{"text with every escape", `"\"\\\/\b\f\n\r\t\u00e9\u20AC"`, readText, "\"\\/\b\f\n\r\té€"},
		{"text with a NUL", `"\u0000"`, readText, "\x00"},
		{"text with a lone high surrogate", `"\uD83C"`, readText, nil},
		{"text with a high surrogate before text", `"\uD83Cabcdef"`, readText, nil},
		{"text with a lone low surrogate", `"\uDF38"`, readText, nil},
		{"text with surrogates in the wrong order", `"\uDF38\uD83C"`, readText, nil},
		{"text not in UTF-8", "\"\xff\"", readText, nil},
		{"text as a number", `1`, readText, nil},
		{"text null", `null`, readText, nil},
		{"interval negative", `-1`, read(debezium.Value.Interval), int64(-1)},
		{"interval as text", `"P1D"`, read(debezium.Value.Interval), nil},
		{"bytes empty", `""`, readBytes, ""},
		{"bytes without padding", `"3q2+7w"`, readBytes, nil},
		{"bytes of another alphabet", `"3q2-7w=="`, readBytes, nil},
		{"bytes as a number", `12`, readBytes, nil},
		{"bytes null", `null`, readBytes, nil},
		{"array empty", `[]`, readElements, []string{}},
		{"array with white space", ` [ "a" , null ] `, readElements, []string{"a", "NULL"}},
		{"array with escapes", `["\ud83c\udf38","\\\"",""]`, readElements, []string{"🌸", `\"`, ""}},
		{"array as text", `"{a}"`, readElements, nil},
		{"array null", `null`, readElements, nil},
		{"array not closed", `["a"`, readElements, nil},
		{"array with more after it", `["a"],`, readElements, nil},
	}
}

func moments() []reading {
	return []reading{
		{"date infinity of a snapshot", `-622191234`, read(debezium.Value.Date), int32(debezium.InfiniteDays)},
		{"date negative infinity", `-2147472691`, read(debezium.Value.Date), int32(debezium.NegativeInfiniteDays)},
		{"date after 9999", `3663471`, read(debezium.Value.Date), int32(3663471)},
		{"date as text", `"2025-01-01"`, read(debezium.Value.Date), nil},
		{"time midnight", `0`, read(debezium.Value.Time), int64(0)},
		{"time 24:00:00", `86400000000`, read(debezium.Value.Time), int64(86_400_000_000)},
		{"time beyond", `86400000001`, read(debezium.Value.Time), nil},
		{"time negative", `-1`, read(debezium.Value.Time), nil},
		{"time with zone", `"10:00:00Z"`, read(debezium.Value.Time), nil},
		{"time(3)", `43200123`, read(debezium.Value.TimeMillis), int64(43_200_123_000)},
		{"time(3) 24:00:00", `86400000`, read(debezium.Value.TimeMillis), int64(86_400_000_000)},
		{"time(3) beyond", `86400001`, read(debezium.Value.TimeMillis), nil},
		{"time(3) negative", `-1`, read(debezium.Value.TimeMillis), nil},
		{"time(3) in microseconds", `43200000000`, read(debezium.Value.TimeMillis), nil},
		{"time(3) as text", `"12:00"`, read(debezium.Value.TimeMillis), nil},
		{"timestamp negative infinity", `-9223372036832400000`, read(debezium.Value.Timestamp), int64(debezium.NegativeInfiniteMicros)},
		{"timestamp(3)", `-1`, read(debezium.Value.TimestampMillis), int64(-1000)},
		{"timestamp(3) infinity", `9223372036825200`, read(debezium.Value.TimestampMillis), int64(debezium.InfiniteMicros)},
		{"timestamp(3) negative infinity", `-9223372036832400`, read(debezium.Value.TimestampMillis), int64(debezium.NegativeInfiniteMicros)},
		{"timestamp(3) before infinity", `9223372036825199`, read(debezium.Value.TimestampMillis), int64(9223372036825199000)},
		{"timestamp(3) of the last year", `9224318015999000`, read(debezium.Value.TimestampMillis), int64(9223372036854774000)},
		{"timestamp(3) of the first year", `-210863520000000`, read(debezium.Value.TimestampMillis), int64(-210863520000000000)},
		{"timestamp(3) in microseconds", `-9223372036832400000`, read(debezium.Value.TimestampMillis), int64(-9223372036854774000)},
		{"timestamp(3) with a fraction", `1.5`, read(debezium.Value.TimestampMillis), nil},
		{"timestamp(3) as text", `"2025-01-01T00:00:00Z"`, read(debezium.Value.TimestampMillis), nil},
		{"timestamp as text", `"2025-01-01T00:00:00Z"`, read(debezium.Value.Timestamp), nil},
	}
}

// Values at the edge of each type are read; those beyond are refused, not cut.
func TestValues(t *testing.T) {
	for _, test := range slices.Concat(plainValues(), moments()) {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.read(value(test.raw))
			if test.want != nil {
				require.NoError(t, err)
				assert.Equal(t, test.want, got)
				return
			}
			require.ErrorIs(t, err, debezium.ErrValue)
			var detail *debezium.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, 7, detail.Offset)
		})
	}
}

// A text of 1 MB comes out whole, escaped or not, and the error about one that
// is wrong stays short.
func TestLargeText(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	for _, escape := range []string{"", `\n`} {
		got, err := readText(value(`"` + large + escape + `"`))
		require.NoError(t, err)
		assert.Len(t, got, len(large)+len(escape)/2)
	}
	_, err := value(`"` + large + `"`).UUID()
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 200)
}

// Text without escapes is not copied; text with escapes uses the caller's memory.
func TestTextAllocatesNothing(t *testing.T) {
	scratch := make([]byte, 0, 64)
	for _, raw := range []string{`"plain"`, `"two\nlines"`} {
		v := value(raw)
		assert.Zero(t, testing.AllocsPerRun(10, func() { _, _ = v.Text(&scratch) }), raw)
	}
}

// The placeholder of an unchanged TOASTed column is told from text and NULL.
func TestPlaceholderAndNull(t *testing.T) {
	assert.True(t, value(`"__debezium_unavailable_value"`).IsUnavailable())
	assert.True(t, value(`["__debezium_unavailable_value"]`).IsUnavailable())
	assert.True(t, value(base64Of([]byte(debezium.Unavailable))).IsUnavailable())
	assert.False(t, value(`"__debezium_unavailable_value "`).IsUnavailable())
	assert.True(t, value(`null`).IsNull())
	assert.False(t, value(`"null"`).IsNull())
}
