package traffic

import (
	"math/rand/v2"

	"github.com/google/uuid"
)

// change is what one user does: one transaction.
type change struct {
	kind       string
	statements []statement
	rollback   bool               // undone at the end: nothing of it may show anywhere
	applied    func(rows []int64) // tells the world how many rows each statement touched; may be nil
}

type statement struct {
	sql  string
	args []any
}

func (c *change) add(sql string, args ...any) {
	c.statements = append(c.statements, statement{sql: sql, args: args})
}

// kind is something users do, with how often they do it.
type kind struct {
	name   string
	weight int
	plan   func() (change, bool) // false when the world has nothing for it
}

// planner chooses changes. It reads the world without its lock, being called
// by the only goroutine that writes to it.
type planner struct {
	random *rand.Rand
	world  *world
	newID  func() uuid.UUID
	kinds  []kind
	total  int
}

func newPlanner(random *rand.Rand, w *world, newID func() uuid.UUID) *planner {
	p := &planner{random: random, world: w, newID: newID}
	p.kinds = []kind{
		{"like", 330, p.like},
		{"follow", 150, p.follow},
		{"comment", 130, p.comment},
		{"post", 100, p.publish},
		{"unfollow", 60, p.unfollow},
		{"unlike", 50, p.unlike},
		{"edit post", 40, p.editPost},
		{"edit profile", 30, p.editProfile},
		{"follow again", 25, p.followAgain},
		{"edit comment", 20, p.editComment},
		{"remove comment", 20, p.removeComment},
		{"sign up", 15, p.signUp},
		{"hide post", 15, p.hidePost},
		{"remove post", 10, p.removePost},
		{"spree", 10, p.spree},
		{"change of mind", 10, p.changeOfMind},
		{"leave", 1, p.leave},
	}
	for _, k := range p.kinds {
		p.total += k.weight
	}
	return p
}

// next draws what happens now. The world must hold two users.
func (p *planner) next() change {
	for {
		n := p.random.IntN(p.total)
		for _, k := range p.kinds {
			if n -= k.weight; n >= 0 {
				continue
			}
			if c, ok := k.plan(); ok {
				c.kind = k.name
				return c
			}
			break
		}
	}
}

// update runs f on the world as its writer.
func (p *planner) update(f func(w *world)) {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	f(p.world)
}
