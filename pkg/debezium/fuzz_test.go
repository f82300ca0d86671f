package debezium_test

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

// Whatever the bytes are, Decode returns: no panic, no read out of bounds. What
// it takes without a wrapper is JSON, and each column is what encoding/json
// finds in its place.
func FuzzDecode(f *testing.F) {
	for _, value := range records(f) {
		f.Add(value)
		f.Add(wrapped(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var e debezium.Envelope
		if e.Decode(value) != nil {
			return
		}
		for _, column := range append(e.Before, e.After...) {
			require.True(t, json.Valid(column.Raw))
			require.Equal(t, column.Raw, value[column.Offset:column.Offset+len(column.Raw)])
		}
		var outer map[string]json.RawMessage
		if json.Unmarshal(value, &outer) != nil {
			require.Contains(t, string(value), "schema", "only a wrapper's schema may be malformed")
			return
		}
		_, hasSchema := outer["schema"]
		_, hasPayload := outer["payload"]
		if e.After != nil && !hasSchema && !hasPayload {
			requireSameColumns(t, e.After, outer["after"])
		}
	})
}

func requireSameColumns(t *testing.T, row debezium.Row, object json.RawMessage) {
	t.Helper()
	if !utf8.Valid(object) {
		return // encoding/json repairs names
	}
	var want map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(object, &want))
	got := map[string]json.RawMessage{}
	for _, column := range row {
		got[string(column.Name)] = column.Raw
	}
	for name, raw := range want {
		require.Equal(t, string(raw), string(got[name]), name)
	}
}

// Text is read as encoding/json reads it, but for what is not UTF-8 or has lone
// surrogates: that is refused where encoding/json would replace it.
func FuzzText(f *testing.F) {
	for _, text := range []string{`"a"`, `"\ud83c\udf38"`, `"\ud83c"`, `"\\\""`, `"ü"`, `""`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var want string
		if json.Unmarshal([]byte(raw), &want) != nil || raw[0] != '"' || raw[len(raw)-1] != '"' {
			return
		}
		got, err := readText(value(raw))
		if err != nil {
			require.Contains(t, want, "\ufffd", err)
			return
		}
		require.Equal(t, want, got)
	})
}

// Every reader returns on every value, and what Timestamptz takes of four-digit
// years is what package time makes of it.
func FuzzReaders(f *testing.F) {
	for _, raw := range []string{`"2025-11-23T12:13:20.123456Z"`, `"-0043-03-15T00:00:00Z"`, `-1`, `1.5e3`, `null`, `true`, `""`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v := debezium.Value{Raw: raw}
		_, _ = v.UUID()
		_, _ = v.Bool()
		_, _ = v.Int(16)
		_, _ = v.Date()
		_, _ = v.Timestamp()
		_, _ = v.Float()
		micros, err := v.Timestamptz()
		if err != nil {
			return
		}
		want, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(raw))
		if err == nil {
			require.Equal(t, want.UnixMicro(), micros)
		}
	})
}
