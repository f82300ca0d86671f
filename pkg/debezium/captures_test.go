package debezium_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

// extreme is a value that is hard to carry, and what its reader makes of it.
type extreme struct {
	column string
	read   func(debezium.Value) (any, error)
	want   any
}

// extremes are what both decimal modes have in common.
func extremes() []extreme {
	return []extreme{
		{"i8_max", readInt(64), int64(9223372036854775807)},
		{"i8_min", readInt(64), int64(-9223372036854775808)},
		{"f_small", readFloat(64), 4.9e-324},
		{"f_big", readFloat(64), 1.7976931348623157e308},
		{"ids", readElements, []string{"aaaaaaaa-0000-4000-8000-000000000000", "NULL"}},
		{"states", readElements, []string{"draft", "published"}},
		{"times", readElements, []string{"2025-11-23T12:13:20.123456Z", "infinity", "NULL"}},
		{"none", readElements, []string{}},
		{"j", readText, `{"a":  1, "a": 2}`},
		{"empty", readText, ""},
		{"ch", readText, "ab  "},
		{"c", readText, "x"},
		{"ip", readText, "10.0.0.0/8"},
		{"mac", readText, "08:00:2b:01:02:03"},
		{"bits", readBytes, "\x05"},
		{"flag", read(debezium.Value.Bool), true},
		{"itv", read(debezium.Value.Interval), int64(-31373754999994)},
		{"tm_end", read(debezium.Value.Time), int64(86400000000)},
		{"ts_bc", read(debezium.Value.Timestamp), int64(-63517824000000000)},
		{"ts0", read(debezium.Value.TimestampMillis), int64(1763900000000000)},
		{"ts3", read(debezium.Value.TimestampMillis), int64(1763900000123000)},
		{"tz3", read(debezium.Value.Timestamptz), int64(1763900000123000)},
		{"x", readText, "<a>🌸</a>"},
	}
}

func int128(digits string) debezium.Int128 {
	n, _ := new(big.Int).SetString(digits, 10)
	return int128Of(n)
}

// asText are the numerics under decimal.handling.mode=string.
func asText() []extreme {
	return []extreme{
		{"num_inf", readNumeric(2), mostInt128},
		{"num_ninf", readNumeric(2), leastInt128},
		{"num_big", readNumeric(9), int128("123456789012345678901234567890123456789")},
		{"num_small", readNumeric(20), debezium.Int128{Low: 1}},
		{"num_negative", readNumeric(2), debezium.Int128{High: -1, Low: 1<<64 - 9950}},
		{"num_zero", readNumeric(2), debezium.Int128{}},
		{"money", readNumeric(4), debezium.Int128{Low: 9223372036854775807}},
	}
}

// asBytes are the numerics under decimal.handling.mode=precise.
func asBytes() []extreme {
	return []extreme{
		{"num_big", readNumeric(9), int128("123456789012345678901234567890123456789")},
		{"num_small", readPrecise(20), debezium.Int128{Low: 1}},
		{"num_negative", readPrecise(2), debezium.Int128{High: -1, Low: 1<<64 - 9950}},
		{"num_zero", readPrecise(2), debezium.Int128{}},
		{"money", readPrecise(4), debezium.Int128{Low: 9223372036854775807}},
	}
}

// The values at the ends of each type are read exactly, in both decimal modes,
// wrapped and bare; dates before Christ keep their year when they are streamed.
// What the connector itself loses is null: infinity under precise, and any array
// of numerics that holds a NaN.
func TestReadsExtremes(t *testing.T) {
	const streamedBC, snapshotBC = int32(-735160), int32(-703383)
	tests := []struct {
		record   string
		dateBC   int32
		numerics []extreme
		nulls    []string
	}{
		{"types_extremes_snapshot", snapshotBC, asText(), []string{"nums"}},
		{"types_extremes_streamed", streamedBC, asText(), []string{"nums"}},
		{"wrapped_types_extremes", streamedBC, asText(), []string{"nums"}},
		{"types_extremes_precise", streamedBC, asBytes(), []string{"nums", "num_inf", "num_ninf"}},
		{"wrapped_types_extremes_precise", streamedBC, asBytes(), []string{"nums", "num_inf", "num_ninf"}},
	}
	for _, test := range tests {
		t.Run(test.record, func(t *testing.T) {
			var e debezium.Envelope
			require.NoError(t, e.Decode(records(t)[test.record]))
			requireValues(t, e.After, append(extremes(), test.numerics...))
			requireValues(t, e.After, []extreme{{"d_bc", read(debezium.Value.Date), test.dateBC}})
			for _, name := range test.nulls {
				column, found := e.After.Find(name)
				assert.True(t, found && column.IsNull(), name)
			}
		})
	}
}

func requireValues(t *testing.T, row debezium.Row, extremes []extreme) {
	t.Helper()
	for _, extreme := range extremes {
		column, found := row.Find(extreme.column)
		require.True(t, found, extreme.column)
		got, err := extreme.read(column)
		require.NoError(t, err, extreme.column)
		assert.Equal(t, extreme.want, got, extreme.column)
	}
}

// A record of a megabyte is decoded whole, wrapped or bare: its text is as it was,
// and so are the columns behind it.
func TestDecodesALargeRecord(t *testing.T) {
	file, err := os.Open("testdata/records/large_text.json.gz")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	unpacked, err := gzip.NewReader(file)
	require.NoError(t, err)
	value, err := io.ReadAll(unpacked)
	require.NoError(t, err)

	for _, value := range [][]byte{value, wrapped(value)} {
		e := debezium.Envelope{AfterOnly: true}
		require.NoError(t, e.Decode(value))
		assert.Equal(t, debezium.Create, e.Op)
		caption, _ := e.After.Find("caption")
		text, err := readText(caption)
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat("0123456789abcdef", 1<<16), text)
		requireValues(t, e.After, []extreme{
			{"id", readText, "33333333-0000-4000-8000-000000000003"},
			{"image_key", readText, "img/3.jpg"},
			{"status", readText, "published"},
		})
	}
}

// keyed is a record's key and headers. A key of null is "".
type keyed struct {
	key     string
	headers map[string]string
}

// keys reads the key and the headers of every captured record.
func keys(t *testing.T) map[string]keyed {
	t.Helper()
	lines, err := os.ReadFile("testdata/records/keys.tsv")
	require.NoError(t, err)
	all := map[string]keyed{}
	for line := range strings.Lines(string(lines)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, fields, 3, line)
		record := keyed{key: fields[1]}
		if record.key == "NULL" {
			record.key = ""
		}
		require.NoError(t, json.Unmarshal([]byte(fields[2]), &record.headers))
		all[fields[0]] = record
	}
	return all
}

// The two halves of a changed primary key name each other's key in a header, and
// nothing else has headers. Only a truncate's key is null.
func TestHeadersTellAChangedKey(t *testing.T) {
	const oldKey, newKey = "__debezium.oldkey", "__debezium.newkey"
	all := keys(t)
	headers := map[string]map[string]string{
		"key_change_delete":         {newKey: all["key_change_create"].key},
		"key_change_tombstone":      {newKey: all["key_change_create"].key},
		"key_change_create":         {oldKey: all["key_change_delete"].key},
		"key_change_default_delete": {newKey: all["key_change_default_create"].key},
		"key_change_default_create": {oldKey: all["key_change_default_delete"].key},
	}
	for name, record := range all {
		if want, found := headers[name]; found {
			assert.Equal(t, want, record.headers, name)
		} else {
			assert.Empty(t, record.headers, name)
		}
		assert.Equal(t, strings.HasSuffix(name, "truncate"), record.key == "", name)
	}
	for name := range records(t) {
		assert.Contains(t, all, name)
	}
	assert.Equal(t, all["key_change_delete"].key, all["key_change_tombstone"].key)
	assert.Equal(t, all["delete_user"].key, all["delete_user_tombstone"].key)
}

// A record's key is the id of its row, wrapped or bare, so that all changes of a
// row are in one partition; but a delete whose replica identity is on another
// index has a key of zeros, on the record and in the row.
func TestKeysAreTheRows(t *testing.T) {
	all := keys(t)
	var zeros []string
	for name, value := range records(t) {
		var e debezium.Envelope
		require.NoError(t, e.Decode(value))
		row := e.After
		if e.Op == debezium.Delete {
			row = e.Before
		}
		id, found := row.Find("id")
		if !found {
			continue
		}
		var key struct {
			ID      json.RawMessage
			Payload struct{ ID json.RawMessage }
		}
		require.NoError(t, json.Unmarshal([]byte(all[name].key), &key), name)
		assert.Equal(t, string(id.Raw), string(slices.Concat(key.ID, key.Payload.ID)), name)
		if string(id.Raw) == `"00000000-0000-0000-0000-000000000000"` {
			zeros = append(zeros, name)
		}
	}
	assert.Equal(t, []string{"delete_index_identity"}, zeros)
}
