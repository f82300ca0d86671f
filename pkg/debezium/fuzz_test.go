package debezium_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
)

// Whatever the bytes are, Decode returns: no panic, no read out of bounds. What
// it takes without a wrapper is JSON, and each column is what encoding/json
// finds in its place. AfterOnly changes no verdict.
func FuzzDecode(f *testing.F) {
	for _, value := range records(f) {
		f.Add(value)
		f.Add(wrapped(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		e, after := debezium.Envelope{}, debezium.Envelope{AfterOnly: true}
		err := e.Decode(value)
		require.Equal(t, err, after.Decode(value))
		if err != nil {
			return
		}
		require.Equal(t, e.After, after.After)
		if e.Op == debezium.Delete {
			require.Equal(t, e.Before, after.Before)
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
	for _, raw := range append(captured(f), `-1`, `1.5e3`, `null`, `""`, `86400000000`, `86400000`, `9223372036825200`, `-9223372036832400`, `9224318015999000`) {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v := debezium.Value{Raw: raw}
		_, _ = v.UUID()
		_, _ = v.Bool()
		_, _ = v.Int(16)
		_, _ = v.Date()
		_, _ = v.Timestamp()
		_, _ = v.Time()
		requireMillis(t, v)
		_, _ = v.Interval()
		_, _ = v.Float(32)
		_, _ = v.Float(64)
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

// requireMillis requires milliseconds to be read as so many thousand microseconds,
// or as what lies at the end of those.
func requireMillis(t *testing.T, v debezium.Value) {
	t.Helper()
	millis, err := v.Int(64)
	micros, refused := v.TimestampMillis()
	require.Equal(t, err == nil, refused == nil)
	if err == nil && micros != millis*1000 {
		require.Greater(t, max(micros, -micros-1), int64(9e18))
		require.Equal(t, millis < 0, micros < 0)
	}
	if micros, err = v.TimeMillis(); err == nil {
		require.Equal(t, millis*1000, micros)
	}
}

// captured is every value in the captures of all types, with both decimal modes.
func captured(f *testing.F) []string {
	f.Helper()
	var values []string
	all := records(f)
	for _, name := range []string{"types_streamed", "types_snapshot", "types_precise", "types_extremes_streamed", "types_extremes_precise"} {
		var e debezium.Envelope
		require.NoError(f, e.Decode(all[name]))
		for _, column := range e.After {
			values = append(values, string(column.Raw))
		}
	}
	return values
}

// Whatever the bytes are, a numeric is what package big makes of its text, or is
// refused.
func FuzzNumeric(f *testing.F) {
	for _, raw := range append(captured(f), `"1E+3"`, `"-0.000"`, `"170141183460469231731687303715884105728"`, `{"scale":-2,"value":"Bw=="}`, `{"value":"gAAAAAAAAAAAAAAAAAAAAAAA","scale":7}`) {
		f.Add([]byte(raw), uint8(2))
		f.Add([]byte(raw), uint8(38))
	}
	f.Fuzz(func(t *testing.T, raw []byte, places uint8) {
		v, scale := debezium.Value{Raw: raw}, int(places%39)
		_, _ = v.PreciseNumeric(scale)
		got, isNaN, err := v.Numeric(scale)
		if err != nil || isNaN || got == mostInt128 || got == leastInt128 || raw[0] != '"' {
			return
		}
		want, ok := new(big.Rat).SetString(strings.ReplaceAll(string(raw[1:len(raw)-1]), "E", "e"))
		require.True(t, ok, "%s", raw)
		want.Mul(want, new(big.Rat).SetInt(pow10(scale)))
		require.True(t, want.IsInt(), "%s", raw)
		require.Equal(t, int128Of(want.Num()), got, "%s", raw)
	})
}

// Bytes are what encoding/json reads, but for what only it repairs.
func FuzzBytes(f *testing.F) {
	for _, raw := range append(captured(f), `""`, `"AA=="`, `"A\u0041=="`) {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var scratch, want []byte
		got, err := debezium.Value{Raw: raw}.Bytes(&scratch)
		if err != nil || !json.Valid(raw) {
			return
		}
		require.NoError(t, json.Unmarshal(raw, &want))
		require.Equal(t, string(want), string(got))
	})
}

// The elements of an array are what encoding/json reads, but for text that it
// would repair.
func FuzzElements(f *testing.F) {
	for _, raw := range append(captured(f), `[]`, `["",null,"\ud83c\udf38"]`, `[["a"]]`, `["a",1]`, ` [ "a" ] `) {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var scratch []byte
		var got []*string
		err := debezium.Value{Raw: raw}.Elements(&scratch, func(text []byte, isNull bool) {
			var element *string
			if !isNull {
				element = new(string)
				*element = string(text)
			}
			got = append(got, element)
		})
		if err != nil {
			return
		}
		var want []*string
		require.NoError(t, json.Unmarshal(raw, &want))
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, want[i], got[i])
		}
	})
}
