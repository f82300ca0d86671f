package cdc

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What every user has in email and password_hash stays in PostgreSQL, whatever
// snapshot reads the table; what a deleted row held is in no tombstone.
func testPrivacy(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	other := w.user(t)
	w.exec(t, "UPDATE users SET password_hash = $2, email = $2 || '@x' WHERE id = $1", user, w.planted)
	for _, kind := range []string{"incremental", "blocking"} {
		from := w.ends(t, "cdc.users")
		w.snapshot(t, kind, "users")
		w.awaitSnapshotOf(t, "users", user, from)
	}

	post := w.post(t, user)
	w.exec(t, "UPDATE posts SET caption = $2, image_key = $2 WHERE id = $1", post, w.gone)
	w.exec(t, "INSERT INTO comments (post_id, user_id, content) VALUES ($1, $2, $3)", post, other, w.gone)
	w.exec(t, "UPDATE users SET bio = $2, display_name = $2, avatar_key = $2 WHERE id = $1", user, w.gone)
	w.check(t)
	require.NotEmpty(t, w.holding(t, w.gone, ""), "what is looked for can be found")
	w.exec(t, "DELETE FROM users WHERE id = $1", user)
	w.check(t)
	require.Empty(t, w.holding(t, w.gone, "is_deleted"), "tombstones with text")
	for _, table := range tables() {
		_, err := w.stack.ClickHouse("OPTIMIZE TABLE " + table.follows[0].name + " FINAL")
		require.NoError(t, err)
	}
	require.Empty(t, w.holding(t, w.gone, ""), "tables with text of what was deleted")
}

// holding are the tables with a row that holds text, of those rows that a
// condition on their columns leaves.
func (w *world) holding(t *testing.T, text, where string) (found []string) {
	t.Helper()
	query := "SELECT DISTINCT name FROM system.tables WHERE database = 'nova' ORDER BY name"
	if where != "" {
		query = "SELECT DISTINCT table FROM system.columns WHERE database = 'nova' AND name = '" + where + "' ORDER BY table"
		where += " AND "
	}
	names, err := w.stack.ClickHouse(query)
	require.NoError(t, err)
	for name := range strings.FieldsSeq(names) {
		count, err := w.stack.ClickHouse("SELECT count() FROM " + name + " WHERE " + where + "position(toString(tuple(*)), '" + text + "') > 0")
		require.NoError(t, err)
		if count != "0" {
			found = append(found, name)
		}
	}
	return found
}

// checkPrivate looks for the planted text in all that has left PostgreSQL.
func (w *world) checkPrivate(t *testing.T) {
	w.user(t) // so that there is one, whatever has run
	w.awaitCaptured(t)
	w.awaitCommitted(t)
	require.NotEmpty(t, w.topicsHolding(t, w.shown), "what is looked for can be found")
	require.Empty(t, w.topicsHolding(t, w.planted), "topics")
	require.NotEmpty(t, w.holding(t, w.shown, ""), "what is looked for can be found")
	require.Empty(t, w.holding(t, w.planted, ""), "tables")

	require.NotEmpty(t, w.filesHolding(t, "kafka", w.shown), "what is looked for can be found")
	require.Empty(t, w.filesHolding(t, "kafka", w.planted), "Kafka's files")
	require.Empty(t, w.filesHolding(t, "clickhouse", w.planted), "ClickHouse's files")
}

func (w *world) topicsHolding(t *testing.T, text string) (found []string) {
	t.Helper()
	for topic, partitions := range w.stack.Topics(t) {
		for _, r := range w.records(t, topic, make([]int64, partitions)) {
			if bytes.Contains(r.Key, []byte(text)) || bytes.Contains(r.Value, []byte(text)) {
				found = append(found, topic)
				break
			}
		}
	}
	for _, letter := range w.letters(t) { // its record may be encoded
		original, err := letter.Original()
		require.NoError(t, err)
		if bytes.Contains(original, []byte(text)) {
			found = append(found, letters)
		}
	}
	return found
}

// filesHolding are the files of a server's data that hold text as it is. Kafka's
// lz4 leaves in the clear what does not repeat; of ClickHouse's columns most are
// packed more tightly, so that it is their rows that prove something.
func (w *world) filesHolding(t *testing.T, part, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(w.stack.Dir, "data", part), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return ignoreGone(err)
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return ignoreGone(err)
	})
	require.NoError(t, err)
	return found
}

// ignoreGone: a merge removes files that a walk has seen.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
