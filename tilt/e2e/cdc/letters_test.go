package cdc

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

// What cannot be a row becomes a letter with its reason and its exact bytes, and
// the records around it are stored.
func testDeadLetters(t *testing.T, w *world) {
	t.Helper()
	id, zero := uuid.NewString(), uuid.Nil.String()
	user := w.user(t)
	row := func(id string) string {
		return fmt.Sprintf(`{"id":%q,"user_id":%q,"caption":"c","image_key":"i","status":"draft","soft_delete":null,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`, id, user)
	}
	change := func(op, table, before, after string) string {
		return fmt.Sprintf(`{"before":%s,"after":%s,"source":{"version":"3.6.3.Final","connector":"postgresql","name":%q,"ts_ms":1,"snapshot":"false","db":"nova","sequence":"[null,\"800\"]","schema":"public","table":%q,"txId":1,"lsn":800},"op":%q,"ts_ms":1}`,
			before, after, w.epochs[len(w.epochs)-1], table, op)
	}
	key := func(id string) []byte { return fmt.Appendf(nil, `{"id":%q}`, id) }
	cases := []struct {
		reason string
		key    []byte
		value  string
	}{
		{"malformed", key(id), "\x00garbage\xff{"},
		{"envelope", key(id), `{"op":"c","source":"elsewhere","after":` + row(id) + `}`},
		{"key", nil, change("c", "posts", "null", row(id))},
		{"key", key(zero), change("d", "posts", row(zero), "null")},
		{"flattened", key(id), row(id)},
		{"table", key(id), change("c", "strangers", "null", row(id))},
	}
	originals := map[string]string{}
	for _, c := range cases {
		w.post(t, user)
		require.NoError(t, w.kafka.Append(t.Context(), []kafkaio.Record{{Topic: "cdc.posts", Key: c.key, Value: []byte(c.value)}}))
		w.due[c.reason]++
		originals[c.value] = c.reason
	}
	w.post(t, user)
	w.check(t)
	for _, letter := range w.letters(t) {
		original, err := letter.Original()
		require.NoError(t, err)
		if reason, isOurs := originals[string(original)]; isOurs {
			require.Equal(t, reason, letter.ErrorClass)
			require.Equal(t, "cdc.posts", letter.Topic)
			delete(originals, string(original))
		}
	}
	require.Empty(t, originals, "without a letter")
}
