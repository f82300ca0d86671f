package cdc

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

// Tables are altered while they are captured. What can be stored is; a value that
// fits no more is a letter that says which, and holds nobody else up.
func testDrift(t *testing.T, w *world) {
	t.Helper()
	t.Run("added and widened columns", func(t *testing.T) { testAddedColumn(t, w) })
	t.Run("dropped column", func(t *testing.T) { testDroppedColumn(t, w) })
	t.Run("type that does not fit", func(t *testing.T) { testMisfit(t, w) })
}

func testAddedColumn(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	post := w.post(t, user)
	w.exec(t, "ALTER TABLE posts ADD COLUMN mood text, ADD COLUMN rating smallint")
	w.exec(t, "ALTER TABLE users ADD COLUMN nickname text DEFAULT $$"+w.planted+"$$") // not in the publication
	w.exec(t, "UPDATE posts SET mood = 'glad', rating = 5, caption = 'moody' WHERE id = $1", post)
	w.user(t)
	w.check(t)
	stacktest.Await(t, recordWithin, func() bool { return strings.Contains(w.metric("cdc_unknown_columns_total"), `column="mood"`) },
		func() string { return "no count of the column: " + w.metric("cdc_unknown_columns_total") })

	w.exec(t, "ALTER TABLE posts ALTER COLUMN rating TYPE int, ALTER COLUMN image_key TYPE varchar(200)")
	w.exec(t, "UPDATE posts SET rating = 100000, image_key = 'img/wide.jpg' WHERE id = $1", post)
	w.check(t)
	w.exec(t, "ALTER TABLE posts DROP COLUMN mood, DROP COLUMN rating, ALTER COLUMN image_key TYPE text")
	w.exec(t, "ALTER TABLE users DROP COLUMN nickname")
	w.exec(t, "UPDATE posts SET caption = 'as before' WHERE id = $1", post)
	w.check(t)
}

// metric is the lines of a metric of cdc-ingest.
func (w *world) metric(name string) string {
	_, text, err := stacktest.Get(w.stack.Vars["CDC_INGEST_ADMIN"] + "/metrics")
	if err != nil {
		return err.Error()
	}
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

func testDroppedColumn(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	post := w.post(t, user)
	w.exec(t, "UPDATE posts SET soft_delete = NULL WHERE soft_delete IS NOT NULL")
	w.exec(t, "ALTER TABLE posts DROP COLUMN soft_delete")
	w.dropped["posts.soft_delete"] = true
	w.exec(t, "UPDATE posts SET caption = 'without' WHERE id = $1", post)
	w.post(t, user)
	w.check(t)
	w.exec(t, "ALTER TABLE posts ADD COLUMN soft_delete timestamptz")
	delete(w.dropped, "posts.soft_delete")
	w.exec(t, "UPDATE posts SET soft_delete = now() WHERE id = $1", post)
	w.check(t)
}

func testMisfit(t *testing.T, w *world) {
	t.Helper()
	user := w.user(t)
	post, id := w.post(t, user), uuid.NewString()
	w.exec(t, "ALTER TABLE comments ALTER COLUMN created_at DROP DEFAULT, ALTER COLUMN created_at TYPE text USING created_at::text")
	w.exec(t, "INSERT INTO comments (id, post_id, user_id, content, created_at) VALUES ($1, $2, $3, 'late', 'the other day')", id, post, user)
	w.exec(t, "UPDATE posts SET caption = 'goes on' WHERE id = $1", post)
	w.stack.AwaitRows(t, recordWithin, fmt.Sprintf("SELECT caption FROM posts FINAL WHERE id = '%s'", post), "goes on")
	w.due["value"]++
	stacktest.Await(t, recordWithin, func() bool { return w.buried(t)["value"] == w.due["value"] }, func() string { return "there is no letter" })
	w.requireNamed(t, id, "comments", "created_at", "the other day")

	w.exec(t, "UPDATE comments SET created_at = now()::text WHERE id = $1", id)
	w.due["value"]++
	w.exec(t, "ALTER TABLE comments ALTER COLUMN created_at TYPE timestamptz USING created_at::timestamptz, ALTER COLUMN created_at SET DEFAULT now()")
	w.exec(t, "UPDATE comments SET content = 'in time' WHERE id = $1", id)
	w.check(t)
}

// requireNamed requires that the letter of a row says the given words, and the
// change's LSN.
func (w *world) requireNamed(t *testing.T, id string, words ...string) {
	t.Helper()
	for _, letter := range w.letters(t) {
		original, err := letter.Original()
		require.NoError(t, err)
		if !strings.Contains(string(original), id) {
			continue
		}
		var change struct {
			Source struct {
				LSN json.Number `json:"lsn"`
			} `json:"source"`
		}
		require.NoError(t, json.Unmarshal(original, &change))
		for _, word := range append(words, change.Source.LSN.String()) {
			require.Contains(t, letter.Error, word)
		}
		return
	}
	t.Fatalf("no letter holds %s", id)
}
