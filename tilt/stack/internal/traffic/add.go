package traffic

import "github.com/google/uuid"

const (
	insertUser    = `INSERT INTO users (id, email, username, display_name, password_hash, bio) VALUES ($1, $2, $3, $4, $5, $6)`
	insertPost    = `INSERT INTO posts (id, user_id, caption, image_key) VALUES ($1, $2, $3, $4)`
	insertComment = `INSERT INTO comments (id, post_id, user_id, content, parent_comment_id) VALUES ($1, $2, $3, $4, $5)`
	insertLike    = `INSERT INTO likes (id, post_id, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	insertFollow  = `INSERT INTO follows (id, follower_id, following_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
)

func (p *planner) signUp() (c change, ok bool) {
	if len(p.world.users) >= maxUsers {
		return c, false
	}
	id := p.newID()
	name := p.name(id)
	c.add(insertUser, id, name+"@example.org", name, p.phrase(2), "$2a$10$"+p.letters(53), p.maybe(p.phrase(8)))
	c.applied = func([]int64) {
		p.update(func(w *world) { w.users = append(w.users, id) })
	}
	return c, true
}

func (p *planner) publish() (c change, ok bool) {
	made := post{id: p.newID(), author: p.world.popular(p.random)}
	c.add(insertPost, made.id, made.author, p.maybe(p.text(12)), p.imageKey())
	c.applied = func([]int64) {
		p.update(func(w *world) { w.posts = remember(w.posts, made, maxRecent) })
	}
	return c, true
}

func (p *planner) like() (c change, ok bool) {
	about, ok := pick(p.random, p.world.posts)
	id := p.newID()
	c.add(insertLike, id, about.id, p.world.user(p.random))
	c.applied = func(rows []int64) {
		if rows[0] == 1 {
			p.update(func(w *world) { w.likes = remember(w.likes, id, maxRecent) })
		}
	}
	return c, ok
}

func (p *planner) follow() (c change, ok bool) {
	f := follow{id: p.newID(), follower: p.world.user(p.random), followee: p.world.popular(p.random)}
	return p.following(f), f.follower != f.followee
}

// followAgain follows a user who was followed before: a new row of the same
// two users.
func (p *planner) followAgain() (c change, ok bool) {
	f, ok := pick(p.random, p.world.unfollowed)
	before := f
	f.id = p.newID()
	c = p.following(f)
	follows := c.applied
	c.applied = func(rows []int64) {
		follows(rows)
		p.update(func(w *world) { w.unfollowed = forget(w.unfollowed, before) })
	}
	return c, ok
}

func (p *planner) following(f follow) (c change) {
	c.add(insertFollow, f.id, f.follower, f.followee)
	c.applied = func(rows []int64) {
		if rows[0] == 1 {
			p.update(func(w *world) { w.follows = remember(w.follows, f, maxRecent) })
		}
	}
	return c
}

// comment writes a comment, or a reply to one; replies are not replied to.
func (p *planner) comment() (c change, ok bool) {
	about, ok := pick(p.random, p.world.posts)
	made := comment{id: p.newID(), post: about.id, author: p.world.user(p.random)}
	if to, found := pick(p.random, p.world.comments); found && !to.parent.Valid && p.random.IntN(3) == 0 {
		made.post, made.parent = to.post, uuid.NullUUID{UUID: to.id, Valid: true}
	}
	c.add(insertComment, made.id, made.post, made.author, p.content(10), made.parent)
	c.applied = func([]int64) {
		p.update(func(w *world) { w.comments = remember(w.comments, made, maxRecent) })
	}
	return c, ok
}

// spree is one user doing many things in one transaction.
func (p *planner) spree() (c change, ok bool) {
	about, ok := pick(p.random, p.world.posts)
	user := p.world.user(p.random)
	for range 2 + p.random.IntN(8) {
		other, _ := pick(p.random, p.world.posts)
		c.add(insertLike, p.newID(), other.id, user)
	}
	first := comment{id: p.newID(), post: about.id, author: user}
	c.add(insertComment, first.id, first.post, user, p.content(6), nil)
	c.add(`UPDATE comments SET content = content || ' (edited)' WHERE id = $1`, first.id)
	c.add(`UPDATE users SET bio = $2 WHERE id = $1`, user, p.phrase(5))
	c.applied = func([]int64) {
		p.update(func(w *world) { w.comments = remember(w.comments, first, maxRecent) })
	}
	return c, ok
}

// changeOfMind does the same and takes it all back.
func (p *planner) changeOfMind() (c change, ok bool) {
	c, ok = p.spree()
	c.rollback, c.applied = true, nil
	return c, ok
}
