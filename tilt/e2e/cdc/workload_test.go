package cdc

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const (
	// fewChanges is how many changes CI makes.
	fewChanges = 3000
	// mostOfTransaction is how many statements one has.
	mostOfTransaction = 20
	// recent is how many of a table's keys are chosen from.
	recent = 500
)

// Random changes over all tables, with the connector, cdc-ingest and PostgreSQL
// ending in the middle of them, arrive whole. CDC_CHANGES is how many (3000),
// CDC_SEED what they follow from.
func testWorkload(t *testing.T, w *world) {
	t.Helper()
	changes := number(t, "CDC_CHANGES", fewChanges)
	t.Logf("CDC_SEED=%d CDC_CHANGES=%d", w.seed, changes)
	g := newGenerator(w.seed, changes)
	began := time.Now()
	for n, fault := range []func(){
		func() {},
		func() { w.stack.Kill(t, "connect") },
		func() { w.killIngest(t) },
		func() { w.restartPostgres(t) },
	} {
		fault()
		for g.made < changes*(n+1)/4 {
			w.transact(t, g)
		}
	}
	written := time.Since(began)
	w.awaitCaptured(t)
	captured := time.Since(began)
	w.awaitCommitted(t)
	t.Logf("%d changes in %d transactions, %d truncates: written in %.1fs, on Kafka after %.1fs, in ClickHouse after %.1fs",
		g.made, g.transactions, g.truncates, written.Seconds(), captured.Seconds(), time.Since(began).Seconds())
}

func (w *world) restartPostgres(t *testing.T) {
	t.Helper()
	w.stack.Run(t, "stop", "postgres")
	w.stack.Run(t, "start", "postgres")
	_ = w.db.Close(t.Context())
	w.db = w.stack.Connect(t)
}

// transact executes the generator's next transaction.
func (w *world) transact(t *testing.T, g *generator) {
	t.Helper()
	var batch pgx.Batch
	statements := g.next()
	for _, s := range statements {
		batch.Queue(s.sql, s.args...)
	}
	tx, err := w.db.Begin(t.Context())
	require.NoError(t, err)
	results := tx.SendBatch(t.Context(), &batch)
	for _, s := range statements {
		tag, err := results.Exec()
		require.NoError(t, err, s.sql)
		g.made += int(tag.RowsAffected())
		if strings.HasPrefix(s.sql, "TRUNCATE") {
			g.made++
		}
	}
	require.NoError(t, results.Close())
	require.NoError(t, tx.Commit(t.Context()))
}

// statement is one that cannot fail, whatever rows are there: one that has
// nothing to do changes nothing.
type statement struct {
	sql  string
	args []any
}

// generator draws transactions from a seed.
type generator struct {
	random *rand.Rand
	keys   map[string][]uuid.UUID
	// truncateAt are the counts of changes at which a table is emptied.
	truncateEvery int

	made, transactions, truncates int
}

func newGenerator(seed uint64, changes int) *generator {
	return &generator{
		random:        rand.New(rand.NewPCG(seed, 0)),
		keys:          map[string][]uuid.UUID{},
		truncateEvery: changes / (4 + changes/10_000),
	}
}

func (g *generator) next() []statement {
	g.transactions++
	if g.made/g.truncateEvery > g.truncates {
		g.truncates++
		return []statement{g.insert(), {sql: g.one("TRUNCATE likes", "TRUNCATE follows", "TRUNCATE comments", "TRUNCATE likes, follows", "TRUNCATE posts CASCADE")}, g.insert()}
	}
	statements := make([]statement, 1+g.random.IntN(mostOfTransaction))
	for i := range statements {
		switch draw := g.random.IntN(100); {
		case draw < 50 || g.transactions < 10:
			statements[i] = g.insert()
		case draw < 78:
			statements[i] = g.update()
		case draw < 88:
			statements[i] = g.rekey()
		default:
			statements[i] = g.remove()
		}
	}
	return statements
}

// key draws a key of a table: one that was there once, or a new one. A deleted
// row comes back under its key this way.
func (g *generator) key(table string) uuid.UUID {
	keys := g.keys[table]
	if len(keys) == 0 {
		return g.fresh(table)
	}
	return keys[max(0, len(keys)-recent)+g.random.IntN(min(len(keys), recent))]
}

func (g *generator) fresh(table string) (key uuid.UUID) {
	for i := range key {
		key[i] = byte(g.random.Uint32())
	}
	g.keys[table] = append(g.keys[table], key)
	return key
}

func (g *generator) keyForInsert(table string) uuid.UUID {
	if g.random.IntN(5) == 0 {
		return g.key(table)
	}
	return g.fresh(table)
}

func (g *generator) one(of ...string) string { return of[g.random.IntN(len(of))] }

// text is anything from nothing to what PostgreSQL stores out of line.
func (g *generator) text() string {
	length := g.random.IntN(60)
	if g.random.IntN(20) == 0 {
		length = 2000 + g.random.IntN(4000)
	}
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = byte(g.random.Uint32())
	}
	return hex.EncodeToString(bytes) + g.one("", "🌸", "ü\n\"\\", "\t\u2028")
}

func (g *generator) insert() statement {
	switch g.random.IntN(5) {
	case 0:
		id := g.keyForInsert("users")
		name := "w" + hex.EncodeToString(id[:])
		return statement{`INSERT INTO users (id, email, username, password_hash, bio) VALUES ($1, $2, $2, 'hash', $3) ON CONFLICT DO NOTHING`, []any{id, name, g.text()}}
	case 1:
		return statement{
			`INSERT INTO posts (id, user_id, caption, image_key) SELECT $1, id, $3, 'img/w.jpg' FROM users WHERE id = $2 ON CONFLICT DO NOTHING`,
			[]any{g.keyForInsert("posts"), g.key("users"), g.text()},
		}
	case 2:
		return statement{`INSERT INTO comments (id, post_id, user_id, parent_comment_id, content) SELECT $1, p.id, u.id, (SELECT id FROM comments WHERE id = $4), 'c' || $5::text
			FROM posts p, users u WHERE p.id = $2 AND u.id = $3 ON CONFLICT DO NOTHING`, []any{g.keyForInsert("comments"), g.key("posts"), g.key("users"), g.key("comments"), g.text()}}
	case 3:
		return statement{
			`INSERT INTO likes (id, post_id, user_id) SELECT $1, p.id, u.id FROM posts p, users u WHERE p.id = $2 AND u.id = $3 ON CONFLICT DO NOTHING`,
			[]any{g.keyForInsert("likes"), g.key("posts"), g.key("users")},
		}
	default:
		return statement{
			`INSERT INTO follows (id, follower_id, following_id) SELECT $1, a.id, b.id FROM users a, users b WHERE a.id = $2 AND b.id = $3 AND a.id <> b.id ON CONFLICT DO NOTHING`,
			[]any{g.keyForInsert("follows"), g.key("users"), g.key("users")},
		}
	}
}

func (g *generator) update() statement {
	switch g.random.IntN(7) {
	case 0:
		return statement{"UPDATE users SET display_name = $2 WHERE id = $1", []any{g.key("users"), g.text()}}
	case 1:
		return statement{"UPDATE users SET bio = $2, is_verified = NOT is_verified WHERE id = $1", []any{g.key("users"), g.text()}}
	case 2:
		return statement{"UPDATE posts SET caption = $2 WHERE id = $1", []any{g.key("posts"), g.text()}}
	case 3:
		return statement{
			"UPDATE posts SET status = $2::text::post_status, soft_delete = $3::text::timestamptz WHERE id = $1",
			[]any{g.key("posts"), g.one("draft", "published", "archived"), g.one("infinity", "-infinity", "2026-01-01Z", "1969-07-20Z", "12000-01-01Z")},
		}
	case 4:
		return statement{"UPDATE comments SET content = 'd' || $2::text WHERE id = $1", []any{g.key("comments"), g.text()}}
	case 5: // many rows in one statement
		return statement{"UPDATE posts SET caption = NULL WHERE user_id = $1", []any{g.key("users")}}
	default:
		return statement{`UPDATE follows f SET following_id = u.id FROM users u WHERE f.id = $1 AND u.id = $2 AND f.follower_id <> u.id
			AND NOT EXISTS (SELECT FROM follows o WHERE o.follower_id = f.follower_id AND o.following_id = u.id)`, []any{g.key("follows"), g.key("users")}}
	}
}

// rekey changes a primary key, of a row that nothing refers to.
func (g *generator) rekey() statement {
	table := g.one("likes", "follows", "comments", "posts")
	sql := fmt.Sprintf("UPDATE %[1]s r SET id = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM %[1]s o WHERE o.id = $2)", table)
	switch table {
	case "comments":
		sql += " AND NOT EXISTS (SELECT FROM comments c WHERE c.parent_comment_id = r.id)"
	case "posts":
		sql += " AND NOT EXISTS (SELECT FROM comments c WHERE c.post_id = r.id) AND NOT EXISTS (SELECT FROM likes l WHERE l.post_id = r.id)"
	}
	from := g.key(table)
	return statement{sql, []any{from, g.keyForInsert(table)}}
}

func (g *generator) remove() statement {
	table := g.one("likes", "likes", "follows", "follows", "comments", "comments", "posts", "users")
	return statement{"DELETE FROM " + table + " WHERE id = $1", []any{g.key(table)}}
}
