package debezium_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

var update = flag.Bool("update", false, "write the golden files anew")

// schema is a wrapper's schema with all that could mislead a reader that counts
// brackets: brackets, quotes and backslashes in texts, and a nested payload.
const schema = `{"type":"struct","fields":[{"field":"a}]","doc":"\"payload\": {\\"},{"payload":{"op":"d"}}],"name":"x\\\\"}`

func records(tb testing.TB) map[string][]byte {
	tb.Helper()
	paths, err := filepath.Glob("testdata/records/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, paths)
	values := map[string][]byte{}
	for _, path := range paths {
		value, err := os.ReadFile(path)
		require.NoError(tb, err)
		values[strings.TrimSuffix(filepath.Base(path), ".json")] = value
	}
	return values
}

func wrapped(value []byte) []byte {
	return []byte(`{"schema":` + schema + `,"payload":` + string(value) + `}`)
}

// dump shows all that Decode found.
func dump(e *debezium.Envelope) string {
	var text strings.Builder
	source := e.Source
	fmt.Fprintf(&text, "kind %s\n", e.Kind)
	if e.Op != 0 {
		fmt.Fprintf(&text, "op %s\n", e.Op)
		fmt.Fprintf(&text, "source name=%s db=%s schema=%s table=%s snapshot=%s lsn=%d ts_ms=%d\n",
			source.Name, source.DB, source.Schema, source.Table, source.Snapshot, source.LSN, source.TimestampMillis)
	}
	dumpRow(&text, "before", e.Before)
	dumpRow(&text, "after", e.After)
	return text.String()
}

func dumpRow(text *strings.Builder, name string, row debezium.Row) {
	if row == nil {
		return
	}
	fmt.Fprintln(text, name)
	for _, column := range row {
		const most = 100
		if len(column.Raw) > most {
			fmt.Fprintf(text, "  %s = %s… %d bytes\n", column.Name, column.Raw[:most], len(column.Raw))
			continue
		}
		fmt.Fprintf(text, "  %s = %s\n", column.Name, column.Raw)
	}
}

// Every kind of record that the connector sends is recognised, and each of its
// columns comes out as it went in, with and without the schema wrapper. The
// records are captures of Debezium 3.6.3 on PostgreSQL 15.
func TestDecodesWhatTheConnectorSends(t *testing.T) {
	var e debezium.Envelope
	for name, value := range records(t) {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, e.Decode(value))
			got := dump(&e)
			if !strings.HasPrefix(name, "wrapped_") {
				require.NoError(t, e.Decode(wrapped(value)))
				require.Equal(t, got, dump(&e), "the wrapper changes nothing")
			}

			golden := filepath.Join("testdata/golden", name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// Who asks for the new row alone gets the same records, and the old row of a
// delete alone.
func TestAfterOnly(t *testing.T) {
	all, after := debezium.Envelope{}, debezium.Envelope{AfterOnly: true}
	for name, value := range records(t) {
		for range 2 {
			require.NoError(t, all.Decode(value))
			require.NoError(t, after.Decode(value))
			if all.Op != debezium.Delete {
				all.Before = nil
			}
			assert.Equal(t, dump(&all), dump(&after), name)
			for i, column := range after.Before {
				assert.Equal(t, all.Before[i].Offset, column.Offset)
			}
		}
	}
	for _, before := range []string{`[1]`, `1`, `{"a":}`, `{"a":"\x"}`, `{"a":1`} {
		value := []byte(`{"before":` + before + `,"source":{},"op":"d"}`)
		require.Error(t, after.Decode(value))
		assert.Equal(t, all.Decode(value), after.Decode(value))
	}
	require.ErrorIs(t, after.Decode([]byte(`{"before":null,"source":{},"op":"d"}`)), debezium.ErrEnvelope)
}

// A column's offset is where its value stands in the record, so that a letter
// can point at it.
func TestOffsetsPointIntoTheRecord(t *testing.T) {
	var e debezium.Envelope
	for _, value := range records(t) {
		require.NoError(t, e.Decode(value))
		for _, column := range append(e.Before, e.After...) {
			assert.Equal(t, string(column.Raw), string(value[column.Offset:column.Offset+len(column.Raw)]))
		}
	}
}

// Records that are no row change are told apart by what they hold, never taken
// for one.
func TestKinds(t *testing.T) {
	tests := []struct {
		name, value string
		want        debezium.Kind
	}{
		{"payload null", `{"schema":null,"payload":null}`, debezium.KindTombstone},
		{"text null", `null`, debezium.KindTombstone},
		{"heartbeat with finer clocks", `{"ts_ms":1,"ts_us":1000,"ts_ns":1000000}`, debezium.KindHeartbeat},
		{"wrapper after the payload", `{"payload":{"ts_ms":1},"schema":{}}`, debezium.KindHeartbeat},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e debezium.Envelope
			require.NoError(t, e.Decode([]byte(test.value)))
			assert.Equal(t, test.want, e.Kind)
		})
	}
	var e debezium.Envelope
	require.NoError(t, e.Decode(nil))
	assert.Equal(t, debezium.KindTombstone, e.Kind)
}

// Whatever is no envelope is refused as what it is, at the byte where it shows.
func TestRefuses(t *testing.T) {
	const source = `"source":{"name":"nova"}`
	tests := []struct {
		name, value string
		kind        error
		offset      int
	}{
		{"empty value", ``, debezium.ErrSyntax, 0},
		{"garbage", `hello`, debezium.ErrSyntax, 0},
		{"binary", "\x00\x01\x02", debezium.ErrSyntax, 0},
		{"cut off", `{"op":"c","after":{"id":"a`, debezium.ErrSyntax, 26},
		{"cut off in the schema", `{"schema":{"a":"`, debezium.ErrSyntax, 10},
		{"bytes after the end", `{"ts_ms":1} x`, debezium.ErrSyntax, 12},
		{"missing comma", `{"ts_ms":1 "op":"c"}`, debezium.ErrSyntax, 11},
		{"missing colon", `{"ts_ms" 1}`, debezium.ErrSyntax, 9},
		{"trailing comma", `{"ts_ms":1,}`, debezium.ErrSyntax, 11},
		{"leading zero", `{"ts_ms":01}`, debezium.ErrSyntax, 10},
		{"number without digits", `{"ts_ms":-}`, debezium.ErrSyntax, 10},
		{"fraction without digits", `{"ts_ms":1.}`, debezium.ErrSyntax, 11},
		{"bad escape", `{"a":"\x"}`, debezium.ErrSyntax, 6},
		{"bad unicode escape", `{"a":"\u12g4"}`, debezium.ErrSyntax, 6},
		{"control character", "{\"a\":\"\n\"}", debezium.ErrSyntax, 6},
		{"too deep", strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100), debezium.ErrSyntax, 325},
		{"a number", `5`, debezium.ErrEnvelope, 0},
		{"an array", `[{"op":"c"}]`, debezium.ErrEnvelope, 0},
		{"an empty object", `{}`, debezium.ErrEnvelope, 0},
		{"unknown op", `{"op":"x",` + source + `}`, debezium.ErrEnvelope, 9},
		{"op of another type", `{"op":1,` + source + `}`, debezium.ErrEnvelope, 7},
		{"no op", `{"after":{"id":1},` + source + `}`, debezium.ErrEnvelope, 0},
		{"no source", `{"op":"c","after":{"id":1}}`, debezium.ErrEnvelope, 0},
		{"source of another type", `{"op":"c","source":"nova"}`, debezium.ErrEnvelope, 19},
		{"text in place of the LSN", `{"op":"c","source":{"lsn":"12"}}`, debezium.ErrEnvelope, 30},
		{"create without after", `{"op":"c","before":{},"after":null,` + source + `}`, debezium.ErrEnvelope, 0},
		{"delete without before", `{"op":"d","before":null,` + source + `}`, debezium.ErrEnvelope, 0},
		{"row of another type", `{"op":"c","after":[1],` + source + `}`, debezium.ErrEnvelope, 18},
		{"flattened", `{"id":"a","username":"b"}`, debezium.ErrFlattened, 0},
		{"flattened with added fields", `{"id":"a","__op":"u","__lsn":8}`, debezium.ErrFlattened, 0},
		{"flattened and wrapped", `{"schema":{},"payload":{"id":"a"}}`, debezium.ErrFlattened, 0},
		{"flattened with a payload column", `{"id":"a","payload":"b"}`, debezium.ErrFlattened, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e debezium.Envelope
			err := e.Decode([]byte(test.value))
			require.ErrorIs(t, err, test.kind)
			var detail *debezium.Error
			require.ErrorAs(t, err, &detail)
			assert.Equal(t, test.offset, detail.Offset, err.Error())
		})
	}
}

// Nothing of a record is seen in the next one, which may be shorter or of
// another kind.
func TestDecodeForgetsTheRecordBefore(t *testing.T) {
	values := records(t)
	var e debezium.Envelope
	require.NoError(t, e.Decode(values["update_full"]))
	require.Error(t, e.Decode([]byte(`{`)))
	require.NoError(t, e.Decode(values["heartbeat"]))
	assert.Equal(t, "kind heartbeat\n", dump(&e))
	assert.Empty(t, e.Source)
	assert.Nil(t, e.Before)
	assert.Nil(t, e.After)
}

// The position of an incremental snapshot's row is found in its sequence, whose
// first member may be null.
func TestSequenceStandsInForTheLSN(t *testing.T) {
	tests := map[string]uint64{
		`"[\"27159568\",\"27159576\"]"`: 27159576,
		`"[null,\"27159568\"]"`:         27159568,
		`"[\"27159568\",null]"`:         27159568,
		`"[null,null]"`:                 0,
		`"[]"`:                          0,
		`"rubbish"`:                     0,
		`null`:                          0,
		`12`:                            0,
	}
	for sequence, want := range tests {
		var e debezium.Envelope
		require.NoError(t, e.Decode([]byte(`{"op":"r","after":{},"source":{"name":"nova","sequence":`+sequence+`,"lsn":null}}`)))
		assert.Equal(t, want, e.Source.LSN, sequence)
	}
}
