package dlq_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dlq"
)

var update = flag.Bool("update", false, "write the golden files")

var failedAt = time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.FixedZone("CET", 3600))

func record(value []byte) dlq.Record {
	return dlq.Record{
		Topic: "events", Partition: 3, Offset: 42, Key: []byte("user-1"), Value: value,
		Headers: []dlq.RecordHeader{{Key: "content-type", Value: []byte("application/json")}, {Key: "none"}},
	}
}

func failure() dlq.Failure {
	return dlq.Failure{
		Err: errors.New(`field "ts" is missing`), Class: "validation", At: failedAt, Retries: 3, Schema: "nova.events.v1.Event",
	}
}

// The JSON of a letter is what operators and tools read: it changes on purpose
// only.
func TestLetterGolden(t *testing.T) {
	binaryKey := record([]byte(`{"user_id":1}`))
	binaryKey.Key = []byte{0xff, 0x00}
	noKey := record(nil)
	noKey.Key, noKey.Headers = nil, nil
	for name, r := range map[string]dlq.Record{
		"json":       record([]byte(`{"user_id":"<1>","n":12345678901234567890,"s":"\ud83c"}`)),
		"spaced":     record([]byte(`{ "user_id": 1 }`)),
		"surrounded": record([]byte("{\"user_id\":1}\n")),
		"protobuf":   record([]byte{0x0a, 0x10, 0xff, 0x00, 0x80}),
		"empty":      record([]byte{}),
		"tombstone":  noKey,
		"binary_key": binaryKey,
	} {
		t.Run(name, func(t *testing.T) {
			letter := dlq.NewLetter(r, failure())
			encoded, err := letter.Encode()
			require.NoError(t, err)
			golden := filepath.Join("testdata", "golden", name+".json")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, append(encoded, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, strings.TrimSuffix(string(want), "\n"), string(encoded))

			decoded, err := dlq.Decode(encoded)
			require.NoError(t, err)
			assert.Equal(t, letter, decoded)
			original, err := decoded.Original()
			require.NoError(t, err)
			assert.Equal(t, r.Value, original)
			assert.Equal(t, r.Key, decoded.Key.Bytes())
			assert.Equal(t, "events/3/42", decoded.Origin())
		})
	}
}

// JSON so deep that it can be read alone but not inside of a letter still comes
// back.
func TestDeepJSONComesBack(t *testing.T) {
	for _, depth := range []int{9_999, 10_000, 10_001} {
		value := []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		assertComesBack(t, value)
	}
}

func assertComesBack(t *testing.T, value []byte) {
	t.Helper()
	encoded, err := dlq.NewLetter(record(value), failure()).Encode()
	require.NoError(t, err)
	decoded, err := dlq.Decode(encoded)
	require.NoError(t, err)
	original, err := decoded.Original()
	require.NoError(t, err)
	require.Equal(t, value, original)
}

// Whatever bytes a record holds, its letter gives exactly them back.
func FuzzOriginalComesBack(f *testing.F) {
	for _, seed := range []string{"", "null", `"a"`, `{"a":[1,2.0,1e400]}`, "{\"a\":\u2028}", " 1", "\xff", `"\ud800"`, "1,2", "\"\u2028<&>\""} {
		f.Add([]byte(seed), []byte(seed), seed)
	}
	f.Fuzz(func(t *testing.T, value, key []byte, header string) {
		r := record(value)
		r.Key = key
		r.Headers = []dlq.RecordHeader{{Key: header, Value: key}}
		fail := failure()
		fail.Err = errors.New(header)
		letter := dlq.NewLetter(r, fail)
		encoded, err := letter.Encode()
		require.NoError(t, err)
		decoded, err := dlq.Decode(encoded)
		require.NoError(t, err)
		original, err := decoded.Original()
		require.NoError(t, err)
		require.Equal(t, value, original)
		require.Equal(t, key, decoded.Key.Bytes())
		require.Equal(t, key, decoded.Headers[0].Value.Bytes())
		require.Equal(t, letter, decoded)
	})
}

// Whatever is on the topic, Decode refuses it or returns a letter that encodes
// and decodes to itself.
func FuzzDecode(f *testing.F) {
	good, err := dlq.NewLetter(record([]byte(`{"a":1}`)), failure()).Encode()
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"topic":"t","encoding":"base64","original_event":"%"}`))
	f.Add([]byte(`{"topic":"t","encoding":"null","key":{"base64":null},"headers":[{"value":7}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		letter, err := dlq.Decode(data)
		if err != nil {
			return
		}
		_, err = letter.Original()
		require.NoError(t, err)
		encoded, err := letter.Encode()
		require.NoError(t, err)
		again, err := dlq.Decode(encoded)
		require.NoError(t, err)
		require.Equal(t, letter.Origin(), again.Origin())
	})
}

// What cannot be a letter is refused rather than read as an empty one.
func TestDecodeRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":          ``,
		"other JSON":       `{"user_id":1}`,
		"unknown encoding": `{"topic":"t","encoding":"hex","original_event":"00"}`,
		"no event":         `{"topic":"t","encoding":"json"}`,
		"broken base64":    `{"topic":"t","encoding":"base64","original_event":"%"}`,
		"broken key":       `{"topic":"t","encoding":"null","key":{"base64":"%"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dlq.Decode([]byte(data))
			require.Error(t, err)
		})
	}
}
