package traffic

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// imagine plays changes into the world alone, as if each statement had touched
// one row.
func imagine(p *planner, n int) (done []change) {
	for range n {
		c := p.next()
		if c.applied != nil {
			rows := make([]int64, len(c.statements))
			for i := range rows {
				rows[i] = 1
			}
			c.applied(rows)
		}
		done = append(done, c)
	}
	return done
}

// The same seed makes the same changes, another seed others.
func TestPlannerFollowsTheSeed(t *testing.T) {
	changes := func(seed uint64) (all []string) {
		p := newPlanner(stream(seed, 1), peopled(5, 5), counted())
		for _, c := range imagine(p, 500) {
			for _, s := range c.statements {
				all = append(all, fmt.Sprint(c.kind, s.sql, len(s.args), s.args[0]))
			}
		}
		return all
	}
	first, again, other := changes(1), changes(1), changes(2)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, other)
}

// Everything that users do happens, also when the world starts with nothing
// but two users.
func TestPlannerDoesEverything(t *testing.T) {
	p := newPlanner(stream(3, 1), peopled(2, 0), counted())
	done := map[string]int{}
	for _, c := range imagine(p, 5000) {
		require.NotEmpty(t, c.statements, c.kind)
		done[c.kind]++
	}
	for _, k := range p.kinds {
		assert.NotZero(t, done[k.name], k.name)
	}
	assert.Greater(t, done["like"], done["leave"])
}

// Texts are of every kind that a pipeline has to carry: none, empty, in several
// scripts, with what formats escape, and too long for PostgreSQL to keep in the
// row; a comment's is never empty, which the schema refuses.
func TestTexts(t *testing.T) {
	p := newPlanner(stream(1, 1), peopled(2, 0), counted())
	seen := map[string]bool{}
	for range 1000 {
		text := p.maybe(p.text(12))
		seen["none"] = seen["none"] || text == nil
		if text != nil {
			seen["empty"] = seen["empty"] || *text == ""
			seen["long"] = seen["long"] || len(*text) == longText
			seen["beyond the BMP"] = seen["beyond the BMP"] || strings.Contains(*text, "🌸")
			seen["escaped"] = seen["escaped"] || strings.Contains(*text, `back\slash`)
		}
		require.NotEmpty(t, p.content(5))
		require.Regexp(t, `^[a-z0-9_.]{2,40}$`, p.name(p.newID()))
	}
	for kind, found := range seen {
		assert.True(t, found, kind)
	}
}

// What the world remembers stays bounded, and the newest is what it remembers.
func TestRememberForgetsTheOldest(t *testing.T) {
	var rows []int
	for i := range 10 {
		rows = remember(rows, i, 4)
	}
	assert.Equal(t, []int{6, 7, 8, 9}, rows)
	assert.Equal(t, []int{6, 8, 9}, forget(rows, 7))
	assert.Equal(t, []int{6, 8, 9}, forget([]int{6, 8, 9}, 1))
}

// A user who leaves takes along what nobody may act on any more.
func TestForgetUser(t *testing.T) {
	w := peopled(3, 6)
	gone, stays := w.users[0], w.users[1]
	kept, theirs := comment{id: uuid.New(), post: w.posts[1].id, author: stays}, comment{id: uuid.New(), post: w.posts[1].id, author: gone}
	w.comments = []comment{
		kept, theirs,
		{id: uuid.New(), post: w.posts[1].id, author: stays, parent: uuid.NullUUID{UUID: theirs.id, Valid: true}},
		{id: uuid.New(), post: w.posts[0].id, author: stays},
	}
	w.follows = []follow{{follower: gone, followee: stays}, {follower: stays, followee: w.users[2]}}

	w.forgetUser(gone)

	assert.NotContains(t, w.users, gone)
	assert.Len(t, w.posts, 4)
	assert.Equal(t, []comment{kept}, w.comments)
	assert.Equal(t, []follow{{follower: stays, followee: w.users[1]}}, w.follows)
}

// Popular users are followed far more than others: the graph has a long tail.
func TestPopularityIsSkewed(t *testing.T) {
	random := stream(1, 1)
	drawn := make([]int, 100)
	for range 10_000 {
		drawn[zipf(random, len(drawn))]++
	}
	assert.Greater(t, drawn[0], 5*drawn[50])
	assert.NotZero(t, drawn[99]+drawn[98]+drawn[97])
	assert.Zero(t, zipf(random, 1))
}
