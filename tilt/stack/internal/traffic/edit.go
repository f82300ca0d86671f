package traffic

func (p *planner) editProfile() (c change, ok bool) {
	c.add(`UPDATE users SET display_name = $2, bio = $3, avatar_key = $4, is_verified = $5 WHERE id = $1`,
		p.world.user(p.random), p.phrase(2), p.maybe(p.phrase(10)), p.maybe(p.imageKey()), p.random.IntN(4) == 0)
	return c, true
}

func (p *planner) editPost() (c change, ok bool) {
	about, ok := pick(p.random, p.world.posts)
	if p.random.IntN(2) == 0 {
		// The caption stays as it is, even one kept out of line.
		c.add(`UPDATE posts SET image_key = $2 WHERE id = $1`, about.id, p.imageKey())
	} else {
		c.add(`UPDATE posts SET caption = $2 WHERE id = $1`, about.id, p.maybe(p.text(12)))
	}
	return c, ok
}

// hidePost takes a post out of sight, or back into it; the row stays.
func (p *planner) hidePost() (c change, ok bool) {
	about, ok := pick(p.random, p.world.posts)
	if p.random.IntN(2) == 0 {
		c.add(`UPDATE posts SET soft_delete = CASE WHEN soft_delete IS NULL THEN now() END WHERE id = $1`, about.id)
	} else {
		c.add(`UPDATE posts SET status = $2 WHERE id = $1`,
			about.id, []string{"published", "archived", "draft"}[p.random.IntN(3)])
	}
	return c, ok
}

func (p *planner) editComment() (c change, ok bool) {
	about, ok := pick(p.random, p.world.comments)
	c.add(`UPDATE comments SET content = $2 WHERE id = $1`, about.id, p.content(10))
	return c, ok
}

// removeComment removes a comment and, by cascade, the replies to it; or it only
// hides it.
func (p *planner) removeComment() (c change, ok bool) {
	about, ok := pick(p.random, p.world.comments)
	if p.random.IntN(3) == 0 {
		c.add(`UPDATE comments SET soft_delete = now() WHERE id = $1`, about.id)
		return c, ok
	}
	c.add(`DELETE FROM comments WHERE id = $1`, about.id)
	c.applied = func([]int64) {
		p.update(func(w *world) {
			w.forgetComments(func(c comment) bool { return c.id == about.id })
		})
	}
	return c, ok
}

func (p *planner) unlike() (c change, ok bool) {
	id, ok := pick(p.random, p.world.likes)
	c.add(`DELETE FROM likes WHERE id = $1`, id)
	c.applied = func([]int64) {
		p.update(func(w *world) { w.likes = forget(w.likes, id) })
	}
	return c, ok
}

func (p *planner) unfollow() (c change, ok bool) {
	f, ok := pick(p.random, p.world.follows)
	c.add(`DELETE FROM follows WHERE id = $1`, f.id)
	c.applied = func([]int64) {
		p.update(func(w *world) {
			w.follows = forget(w.follows, f)
			w.unfollowed = remember(w.unfollowed, f, maxRecent)
		})
	}
	return c, ok
}

// removePost removes a post and, by cascade, everything on it.
func (p *planner) removePost() (c change, ok bool) {
	about, ok := pick(p.random, p.world.posts)
	c.add(`DELETE FROM posts WHERE id = $1`, about.id)
	c.applied = func([]int64) {
		p.update(func(w *world) { w.forgetPost(about.id) })
	}
	return c, ok
}

// leave removes a user and, by cascade, everything that was the user's.
func (p *planner) leave() (c change, ok bool) {
	if len(p.world.users) <= 2 {
		return c, false
	}
	user := p.world.user(p.random)
	c.add(`DELETE FROM users WHERE id = $1`, user)
	c.applied = func([]int64) {
		p.update(func(w *world) { w.forgetUser(user) })
	}
	return c, true
}
