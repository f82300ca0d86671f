package cdc

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// A large text of users that an update leaves unchanged is not sent again, and is
// kept: from the stored row, or from an earlier row of the same batch.
func testUnchangedText(t *testing.T, w *world) {
	t.Helper()
	w.identity(t, "users", "DEFAULT")
	large := func() string { return random(20_000) }
	alone := w.user(t)
	w.exec(t, "UPDATE users SET bio = $2 WHERE id = $1", alone, large())
	w.check(t)
	w.exec(t, "UPDATE users SET display_name = 'kept' WHERE id = $1", alone)
	w.check(t)

	w.restartIngest(t, func() {
		for range 10 {
			user := w.user(t)
			w.exec(t, "UPDATE users SET bio = $2 WHERE id = $1", user, large())
			w.exec(t, "UPDATE users SET display_name = 'kept too' WHERE id = $1", user)
			w.exec(t, "UPDATE users SET bio = $2 WHERE id = $1", alone, large())
			w.exec(t, "UPDATE users SET is_verified = NOT is_verified WHERE id = $1", alone)
		}
		w.exec(t, "UPDATE users SET avatar_key = 'av/2' WHERE id = $1", alone)
		w.awaitCaptured(t)
	})
	w.check(t)
	// Under a new key there is no earlier row: a letter, until a snapshot fills it.
	from, moved := w.ends(t, "cdc.users"), uuid.NewString()
	w.exec(t, "UPDATE users SET id = $2 WHERE id = $1", alone, moved)
	w.due["unchanged_toast"]++
	w.awaitCaptured(t)
	w.snapshot(t, "incremental", "users")
	w.awaitSnapshotOf(t, "users", moved, from)
	w.check(t)
	gone := w.user(t)
	w.exec(t, "UPDATE users SET bio = $2 WHERE id = $1", gone, large())
	w.exec(t, "DELETE FROM users WHERE id = $1", gone)
}

// A text of a megabyte passes, of which an update under FULL carries two.
func testLargeText(t *testing.T, w *world) {
	t.Helper()
	megabyte := func() string { return strings.Repeat(random(1<<10), 1<<10) }
	post := w.post(t, w.user(t))
	w.exec(t, "UPDATE posts SET caption = $2 WHERE id = $1", post, megabyte())
	w.check(t)
	w.exec(t, "UPDATE posts SET caption = $2 WHERE id = $1", post, megabyte())
	w.exec(t, "UPDATE posts SET image_key = 'img/2' WHERE id = $1", post)
	w.check(t)
	w.exec(t, "DELETE FROM posts WHERE id = $1", post)
}

// identity sets a table's replica identity until the end of the test.
func (w *world) identity(t *testing.T, table, kind string) {
	t.Helper()
	var before string
	require.NoError(t, w.db.QueryRow(t.Context(), "SELECT CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'DEFAULT' END FROM pg_class WHERE oid = $1::text::regclass", table).Scan(&before))
	set := "ALTER TABLE " + table + " REPLICA IDENTITY "
	w.exec(t, set+kind)
	t.Cleanup(func() { w.stack.Restore(t, set+before) })
}

// Under the default identity a delete of follows does not say who followed whom,
// nor an update who did before: the views follow all the same.
func testFollowsDefault(t *testing.T, w *world) {
	t.Helper()
	a, b, c := w.user(t), w.user(t), w.user(t)
	before := w.follow(t, a, b)
	w.identity(t, "follows", "DEFAULT")
	stays, moves := w.follow(t, b, c), w.follow(t, b, a)
	w.check(t)
	w.exec(t, "DELETE FROM follows WHERE id = $1", before)
	w.exec(t, "UPDATE follows SET created_at = now() WHERE id = $1", stays)
	w.exec(t, "UPDATE follows SET follower_id = $2 WHERE id = $1", moves, c)
	w.check(t)
	w.restartIngest(t, func() { // in one batch
		batched := w.follow(t, a, c)
		w.exec(t, "UPDATE follows SET following_id = $2 WHERE id = $1", batched, b)
		w.exec(t, "DELETE FROM follows WHERE id = $1", batched)
		w.exec(t, "UPDATE follows SET id = $2 WHERE id = $1", moves, uuid.NewString())
		w.awaitCaptured(t)
	})
	w.check(t)
}

// A follow whose id, or whose pair, changes has one row in each view, and none
// where it was; also when the pair is taken over within one transaction.
func testFollowsKeys(t *testing.T, w *world) {
	t.Helper()
	a, b, c := w.user(t), w.user(t), w.user(t)
	id := w.follow(t, a, b)
	moved := uuid.NewString()
	w.exec(t, "UPDATE follows SET id = $2 WHERE id = $1", id, moved)
	w.exec(t, "UPDATE follows SET following_id = $2 WHERE id = $1", moved, c)
	w.check(t)

	const constraint = "follows_follower_id_following_id_key"
	recreate := func(kind string) {
		w.exec(t, strings.Join([]string{"ALTER TABLE follows DROP CONSTRAINT", constraint, ", ADD CONSTRAINT", constraint, "UNIQUE (follower_id, following_id)", kind}, " "))
	}
	recreate("DEFERRABLE INITIALLY DEFERRED")
	tx := w.begin(t)
	execIn(t, tx, "INSERT INTO follows (id, follower_id, following_id) VALUES ($1, $2, $3)", uuid.NewString(), a, c)
	execIn(t, tx, "DELETE FROM follows WHERE id = $1", moved)
	execIn(t, tx, "INSERT INTO follows (id, follower_id, following_id) VALUES ($1, $2, $3)", moved, b, c)
	execIn(t, tx, "UPDATE follows SET following_id = $2 WHERE id = $1", moved, a)
	require.NoError(t, tx.Commit(t.Context()))
	recreate("")
}
