package cdc

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

// small makes batches of a few records, so that those of one transaction are read
// in many: a truncate from its partition, the rows before it from others.
const small = "BATCH_ROWS=7"

// likes adds likes of so many new users.
func (w *world) likes(t *testing.T, post string, count int) {
	t.Helper()
	w.exec(t, `WITH added AS (
			INSERT INTO users (email, username, password_hash) SELECT id || $3, 'l' || replace(id::text, '-', ''), $3
			FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, $2::int)) AS ids RETURNING id)
		INSERT INTO likes (post_id, user_id) SELECT $1, id FROM added`, post, count, w.planted)
}

// TRUNCATE empties a table of what precedes it in the WAL, in whatever order that
// is read, and of nothing behind it; two in a row do too.
func testTruncate(t *testing.T, w *world) {
	t.Helper()
	post := w.post(t, w.user(t))
	w.likes(t, post, 100)
	w.check(t)
	w.exec(t, "TRUNCATE likes")
	w.likes(t, post, 10)
	w.check(t)

	w.restartIngest(t, func() {
		w.likes(t, post, 200)
		w.exec(t, "TRUNCATE likes")
		w.likes(t, post, 30)
		w.exec(t, "TRUNCATE likes")
		w.exec(t, "TRUNCATE likes")
		w.likes(t, post, 50)
		w.awaitCaptured(t)
	}, small)
	w.check(t)
	w.readTruncateFirst(t, post)
	w.check(t)
	w.exec(t, "DELETE FROM follows")
	w.follow(t, w.user(t), w.user(t))
	w.exec(t, "TRUNCATE follows")
	w.follow(t, w.user(t), w.user(t))
	w.check(t)
	w.rewind(t)
	w.check(t)
}

// readTruncateFirst has a truncate's partition read before all others.
func (w *world) readTruncateFirst(t *testing.T, post string) {
	t.Helper()
	const topic = "cdc.likes"
	var before, after []int64
	first := 0
	w.restartIngest(t, func() {
		before = w.ends(t, topic)
		w.likes(t, post, 100)
		w.exec(t, "TRUNCATE likes")
		w.likes(t, post, 20)
		w.awaitCaptured(t)
		after = w.ends(t, topic)
		for _, r := range w.records(t, topic, before) {
			if r.Key == nil {
				first = r.Partition
			}
		}
		skipping := slices.Clone(after)
		skipping[first] = before[first]
		w.stack.Commit(t, group, topic, skipping)
	})
	w.awaitCommitted(t)
	w.restartIngest(t, func() {
		others := slices.Clone(before)
		others[first] = after[first]
		w.stack.Commit(t, group, topic, others)
	})
}

// TRUNCATE CASCADE empties every table that PostgreSQL empties with it.
func testTruncateCascade(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	post := w.post(t, user)
	w.likes(t, post, 20)
	w.exec(t, "INSERT INTO comments (post_id, user_id, content) SELECT $1, $2, 'c' || i FROM generate_series(1, 20) i", post, user)
	w.exec(t, "TRUNCATE posts CASCADE")
	w.exec(t, "INSERT INTO posts (id, user_id, image_key) VALUES ($1, $2, 'img/2.jpg')", uuid.NewString(), user)
}

// A replica that is killed in the middle of a truncate leaves nothing behind that
// the next one does not finish.
func testTruncateKilled(t *testing.T, w *world) {
	t.Helper()
	post := w.post(t, w.user(t))
	w.restartIngest(t, func() {
		w.likes(t, post, 2000)
		w.exec(t, "TRUNCATE likes")
		w.likes(t, post, 500)
		w.awaitCaptured(t)
	}, small)
	for range 3 {
		before := w.committedOf(t, "cdc.likes")
		stacktest.Await(t, recordWithin, func() bool { return w.committedOf(t, "cdc.likes") > before+100 }, func() string { return "it stands still" })
		w.killIngest(t)
	}
	w.restartIngest(t, func() {})
}

func (w *world) committedOf(t *testing.T, topic string) (sum int64) {
	t.Helper()
	committed, err := w.kafka.Committed(t.Context(), group, topic, len(w.ends(t, topic)))
	require.NoError(t, err)
	for _, offset := range committed {
		sum += offset
	}
	return sum
}
