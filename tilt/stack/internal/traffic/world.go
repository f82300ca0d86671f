package traffic

import (
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/stack/internal/load/sample"
)

// What the world remembers: enough to choose from, not everything there is.
const (
	maxUsers    = 10_000
	maxRecent   = 2_000
	popularity  = 1.2 // Zipf exponent
	popularHead = 8   // Zipf offset: flattens the very first
)

type post struct{ id, author uuid.UUID }

type comment struct {
	id, post, author uuid.UUID
	parent           uuid.NullUUID // set in a reply
}

type follow struct{ id, follower, followee uuid.UUID }

// world is what the generator knows of the database: the users, oldest first,
// and the newest rows of each other table. PostgreSQL is the truth; a world
// that is behind only makes statements that touch no row.
type world struct {
	mu         sync.Mutex
	users      []uuid.UUID
	posts      []post
	comments   []comment
	likes      []uuid.UUID
	follows    []follow
	unfollowed []follow // removed ones, which users sometimes follow again
}

// reader draws who acts on which post: any user, mostly a new post.
func (w *world) reader(random *rand.Rand) (user uuid.UUID, about post, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.users) == 0 || len(w.posts) == 0 {
		return user, about, false
	}
	return w.users[random.IntN(len(w.users))], w.posts[len(w.posts)-1-zipf(random, len(w.posts))], true
}

// visitor draws who looks at a feed: mostly one of a few.
func (w *world) visitor(random *rand.Rand) (user uuid.UUID, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.users) == 0 {
		return user, false
	}
	return w.users[skewed(random, attachment, attachmentHead, len(w.users))], true
}

// zipf draws from 0 to n-1, small numbers most often.
func zipf(random *rand.Rand, n int) int {
	return skewed(random, popularity, popularHead, n)
}

func skewed(random *rand.Rand, exponent, head float64, n int) int {
	return sample.Zipf(random, exponent, head, n)
}

// user draws any user, popular a user as followers see them.
func (w *world) user(random *rand.Rand) uuid.UUID {
	return w.users[random.IntN(len(w.users))]
}

func (w *world) popular(random *rand.Rand) uuid.UUID {
	return w.users[zipf(random, len(w.users))]
}

// pick draws one of the remembered rows.
func pick[T any](random *rand.Rand, rows []T) (row T, ok bool) {
	if len(rows) == 0 {
		return row, false
	}
	return rows[len(rows)-1-zipf(random, len(rows))], true
}

// remember adds row as the newest and forgets the oldest beyond limit.
func remember[T any](rows []T, row T, limit int) []T {
	if len(rows) == limit {
		rows = slices.Delete(rows, 0, 1)
	}
	return append(rows, row)
}

// forget removes the row.
func forget[T comparable](rows []T, row T) []T {
	if i := slices.Index(rows, row); i >= 0 {
		return slices.Delete(rows, i, i+1)
	}
	return rows
}

// forgetPost removes a post with its comments.
func (w *world) forgetPost(id uuid.UUID) {
	w.posts = slices.DeleteFunc(w.posts, func(p post) bool { return p.id == id })
	w.forgetComments(func(c comment) bool { return c.post == id })
}

// forgetComments removes the comments that gone names, with the replies to them.
func (w *world) forgetComments(gone func(comment) bool) {
	parents := map[uuid.UUID]bool{}
	for _, c := range w.comments {
		parents[c.id] = gone(c)
	}
	w.comments = slices.DeleteFunc(w.comments, func(c comment) bool {
		return gone(c) || c.parent.Valid && parents[c.parent.UUID]
	})
}

// forgetUser removes a user with what was the user's; likes are found gone when
// they are touched.
func (w *world) forgetUser(id uuid.UUID) {
	w.users = forget(w.users, id)
	gone := func(f follow) bool { return f.follower == id || f.followee == id }
	w.follows = slices.DeleteFunc(w.follows, gone)
	w.unfollowed = slices.DeleteFunc(w.unfollowed, gone)
	for _, p := range slices.Clone(w.posts) {
		if p.author == id {
			w.forgetPost(p.id)
		}
	}
	w.forgetComments(func(c comment) bool { return c.author == id })
}
