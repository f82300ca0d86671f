package traffic

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/pgtest"
)

func newDatabase(t *testing.T, users int) (*database, *pgx.Conn) {
	t.Helper()
	conn := pgtest.StartNova(t).Connect()
	d := &database{
		users: users, pace: pacer{perSecond: 1000}, log: quiet(), ledger: NewLedger(time.Now()),
		planner: newPlanner(stream(1, streamChanges), &world{}, uuid.New),
	}
	require.NoError(t, d.populate(t.Context(), conn))
	return d, conn
}

// Everything that users do is what PostgreSQL accepts, in every order in which
// it may come, and what the world believes of it is true.
func TestEveryChangeIsAccepted(t *testing.T) {
	d, conn := newDatabase(t, 30)
	play := func(c change) {
		t.Helper()
		require.NoError(t, d.play(t.Context(), conn, c), c.kind)
	}
	for range 200 {
		play(d.planner.next())
	}
	for _, k := range d.planner.kinds {
		for range 5 {
			if c, ok := k.plan(); ok {
				c.kind = k.name
				play(c)
			}
		}
	}
	for range 200 {
		play(d.planner.next())
	}
	found := d.planner.world
	users, posts, comments, follows := found.users, found.posts, found.comments, found.follows
	require.NoError(t, d.load(t.Context(), conn))
	assert.ElementsMatch(t, found.users, users)
	assert.ElementsMatch(t, found.posts, posts)
	assert.ElementsMatch(t, found.follows, follows)
	assert.ElementsMatch(t, found.comments, comments)
}

// What is taken back leaves nothing, neither in PostgreSQL nor in the ledger nor
// in the world.
func TestChangeOfMindLeavesNothing(t *testing.T) {
	d, conn := newDatabase(t, 5)
	made, _ := d.planner.publish()
	require.NoError(t, d.play(t.Context(), conn, made))
	before := d.ledger.Counters()

	c, ok := d.planner.changeOfMind()
	require.True(t, ok)
	require.NoError(t, d.play(t.Context(), conn, c))

	assert.Equal(t, before, d.ledger.Counters())
	assert.Zero(t, count(t, conn, "SELECT (SELECT count(*) FROM likes) + (SELECT count(*) FROM comments)"))
	assert.Empty(t, d.planner.world.comments)
}

// Rows are counted, statements that touch none are not.
func TestPlayCountsRows(t *testing.T) {
	d, conn := newDatabase(t, 3)
	before := d.ledger.Counters()
	var c change
	c.add("UPDATE users SET bio = 'x'")
	c.add("DELETE FROM posts")
	require.NoError(t, d.play(t.Context(), conn, c))
	assert.Equal(t, before.Changes+3, d.ledger.Counters().Changes)
	assert.Equal(t, before.Commits+1, d.ledger.Counters().Commits)
}

// A world read from the database has the newest rows last, as the popularity of
// posts expects.
func TestLoadOrdersByAge(t *testing.T) {
	d, conn := newDatabase(t, 3)
	var ids []uuid.UUID
	for range 3 {
		c, _ := d.planner.publish()
		require.NoError(t, d.play(t.Context(), conn, c))
		ids = append(ids, d.planner.world.posts[len(d.planner.world.posts)-1].id)
	}
	d.planner.world.posts = nil
	require.NoError(t, d.load(t.Context(), conn))
	var loaded []uuid.UUID
	for _, p := range d.planner.world.posts {
		loaded = append(loaded, p.id)
	}
	assert.Equal(t, ids, loaded)
}

// Errors that a new connection may cure are told from mistakes of our own, which
// would be made for ever.
func TestTransient(t *testing.T) {
	for code, want := range map[string]bool{
		"08006": true, "23503": true, "40P01": true, "53300": true, "55P03": true, "57P01": true, "57P03": true, "58030": true, "XX000": true,
		"22P02": false, "28P01": false, "3D000": false, "42P01": false, "42703": false,
	} {
		assert.Equal(t, want, transient(errors.Join(errors.New("committing"), &pgconn.PgError{Code: code})), code)
	}
	assert.True(t, transient(io.ErrUnexpectedEOF))
}
