package debezium_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

// damaging is what the bytes of a record are replaced by: whatever has a meaning
// in JSON, and what must not be in it.
const damaging = "{}[]\":,\\ \n\x00\xff0-.eEtnfu/"

// A damaged record is refused wherever the damage is, if encoding/json finds it
// malformed, and not called malformed if encoding/json does not.
func TestDamageIsFoundWhereverItIs(t *testing.T) {
	for _, name := range []string{"create", "comment_escapes", "snapshot_incremental", "types_streamed", "heartbeat"} {
		original := records(t)[name]
		for at := range original {
			for turn := range 3 { // every byte meets three of them, neighbours others
				damaged := bytes.Clone(original)
				damaged[at] = damaging[(at+turn*7)%len(damaging)]
				requireSameVerdict(t, damaged)
			}
			requireSameVerdict(t, original[:at])
			requireSameVerdict(t, append(original[:at:at], original[at+1:]...))
		}
	}
}

func requireSameVerdict(t *testing.T, value []byte) {
	t.Helper()
	if value == nil {
		return // a tombstone
	}
	if bytes.HasPrefix(bytes.TrimSpace(value), []byte(`{"schema"`)) {
		return // what is in a wrapper's schema is not looked at
	}
	var e debezium.Envelope
	err := e.Decode(value)
	if isValid := json.Valid(value); !isValid && err == nil || isValid && errors.Is(err, debezium.ErrSyntax) {
		require.Fail(t, "encoding/json disagrees", "%v: %s", err, value)
	}
}

// A wrapper's schema is passed over by its brackets and quotes, whatever stands
// in its texts, and wherever it is cut off the record is malformed.
func TestSchemaIsPassedOver(t *testing.T) {
	value := wrapped(records(t)["create"])
	var e debezium.Envelope
	require.NoError(t, e.Decode(value))
	for at := range value {
		require.ErrorIs(t, e.Decode(value[:at:at]), debezium.ErrSyntax, at)
	}
	for _, schema := range []string{`null`, `true`, `"text"`, `[]`, `{}`, `[{"a":"\\\\\""},"]"]`, `  {  }  `} {
		require.NoError(t, e.Decode([]byte(`{"schema":`+schema+`,"payload":{"ts_ms":1}}`)), schema)
		assert.Equal(t, debezium.KindHeartbeat, e.Kind)
	}
}

// White space may stand wherever JSON lets it, and names may be written with
// escapes: a record that another program wrote anew is the same record.
func TestOtherSpellings(t *testing.T) {
	var e debezium.Envelope
	for name, value := range records(t) {
		require.NoError(t, e.Decode(value))
		want := dump(&e)
		if strings.Contains(string(value), `: [1, `) || strings.HasPrefix(name, "types") || strings.HasPrefix(name, "wrapped_types") {
			continue // values with values inside come out as they are spelled
		}
		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, value, " ", "\t"))
		require.NoError(t, e.Decode(indented.Bytes()), name)
		assert.Equal(t, want, dump(&e), name)
	}
	escaped := `{"\u006fp":"c","source":{"n\u0061me":"no\u0076a"},"after":{"\"quoted\" \ud83c\udf38":1}}`
	require.NoError(t, e.Decode([]byte(escaped)))
	assert.Equal(t, "nova", string(e.Source.Name))
	_, found := e.After.Find(`"quoted" 🌸`)
	assert.True(t, found)
	require.ErrorIs(t, e.Decode([]byte(`{"\ud83c":1}`)), debezium.ErrSyntax)
}

// An error says in one line which column, what is wrong and where.
func TestErrorText(t *testing.T) {
	err := &debezium.Error{Kind: debezium.ErrValue, Column: "created_at", Offset: 42, Detail: `expected a timestamp, found "7"`}
	assert.EqualError(t, err, `column "created_at": unexpected value: expected a timestamp, found "7" at byte 42`)
	var e debezium.Envelope
	assert.EqualError(t, e.Decode([]byte(`{"op":"c"`)), "malformed JSON: expected , at byte 9")
	assert.EqualError(t, e.Decode([]byte(`{"op":"q"}`)), `not a Debezium envelope: unknown op "\"q\"" at byte 9`)
}
