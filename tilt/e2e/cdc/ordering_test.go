package cdc

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A transaction that is open at a snapshot commits later with a lower LSN than the
// snapshot's rows have; its changes win all the same.
func testOpenAcrossIncremental(t *testing.T, w *world) {
	t.Helper()
	testOpenAcross(t, w, "incremental")
}

func testOpenAcrossBlocking(t *testing.T, w *world) {
	t.Helper()
	testOpenAcross(t, w, "blocking")
}

func testOpenAcross(t *testing.T, w *world, kind string) {
	t.Helper()
	user := w.user(t)
	updated, deleted, keyed := w.post(t, user), w.post(t, user), w.follow(t, user, w.user(t))
	tx := w.begin(t)
	execIn(t, tx, "UPDATE posts SET caption = 'of the open transaction' WHERE id = $1", updated)
	execIn(t, tx, "DELETE FROM posts WHERE id = $1", deleted)
	execIn(t, tx, "UPDATE follows SET id = $2 WHERE id = $1", keyed, uuid.NewString())

	posts, follows := w.ends(t, "cdc.posts"), w.ends(t, "cdc.follows")
	w.snapshot(t, kind, "posts", "follows")
	w.awaitSnapshotOf(t, "posts", updated, posts)
	w.awaitSnapshotOf(t, "posts", deleted, posts)
	w.awaitSnapshotOf(t, "follows", keyed, follows)
	require.NoError(t, tx.Commit(t.Context()))
	// A blocking snapshot of any table makes the connector read anew which columns
	// all have, and PostgreSQL must stream just those.
	w.exec(t, "UPDATE users SET display_name = 'behind the snapshot' WHERE id = $1", user)
	w.user(t)
}

// Changes of one row in one transaction keep their order, of whatever kind.
func testOrderInTransaction(t *testing.T, w *world) {
	t.Helper()
	user, other := w.user(t), w.user(t)
	for n := range 20 {
		post, like := w.post(t, user), uuid.NewString()
		tx := w.begin(t)
		for _, caption := range []string{"second", "third", "fourth"} {
			execIn(t, tx, "UPDATE posts SET caption = $2 WHERE id = $1", post, caption)
		}
		execIn(t, tx, "INSERT INTO likes (id, post_id, user_id) VALUES ($1, $2, $3)", like, post, user)
		execIn(t, tx, "UPDATE likes SET user_id = $2 WHERE id = $1", like, other)
		execIn(t, tx, "DELETE FROM likes WHERE id = $1", like)
		if n%2 == 0 {
			execIn(t, tx, "INSERT INTO likes (id, post_id, user_id) VALUES ($1, $2, $3)", like, post, other)
		}
		require.NoError(t, tx.Commit(t.Context()))
	}
}

// COPY gives all its rows one LSN, and all of them arrive.
func testCopy(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	var rows [][]any
	for n := range 2000 {
		rows = append(rows, []any{uuid.New(), user, fmt.Sprintf("copied %d", n), "img/c.jpg"})
	}
	copied, err := w.db.CopyFrom(t.Context(), pgx.Identifier{"posts"}, []string{"id", "user_id", "caption", "image_key"}, pgx.CopyFromRows(rows))
	require.NoError(t, err)
	require.EqualValues(t, len(rows), copied)
	w.exec(t, "UPDATE posts SET caption = caption || '!' WHERE user_id = $1 AND id::text < '8'", user)
}

// An incremental snapshot reads rows while they are inserted, changed and deleted,
// and takes nothing back.
func testSnapshotDuringWrites(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	var posts []string
	for range 300 {
		posts = append(posts, w.post(t, user))
	}
	from := w.ends(t, "cdc.posts")
	w.snapshot(t, "incremental", "posts")
	for n, post := range posts {
		switch n % 4 {
		case 0:
			w.exec(t, "DELETE FROM posts WHERE id = $1", post)
		case 1:
			w.exec(t, "UPDATE posts SET caption = 'during' WHERE id = $1", post)
		case 2:
			w.exec(t, "UPDATE posts SET id = $2 WHERE id = $1", post, uuid.NewString())
		}
		w.post(t, user)
	}
	w.awaitSnapshotOf(t, "posts", posts[len(posts)-1], from)
}

// A row that was deleted and inserted again stays when its offsets are rewound,
// and so does all else: read again from the start, no reader sees a difference.
func testReadAgain(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	post := w.post(t, user)
	for n := range 3 {
		w.exec(t, "DELETE FROM posts WHERE id = $1", post)
		w.exec(t, "INSERT INTO posts (id, user_id, caption, image_key) VALUES ($1, $2, $3, 'img/again.jpg')", post, user, fmt.Sprintf("again %d", n))
	}
	w.check(t)
	before := w.final(t)
	w.rewind(t, "BATCH_ROWS=50")
	w.awaitCommitted(t)
	require.Equal(t, before, w.final(t))
	w.restartIngest(t, func() {})
}
