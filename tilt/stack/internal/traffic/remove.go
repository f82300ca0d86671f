package traffic

// removePost removes a post with everything on it.
func (p *planner) removePost() (c change, ok bool) {
	about, ok := pick(p.random, p.world.posts)
	c.add(`DELETE FROM likes WHERE post_id = $1`, about.id)
	c.add(`DELETE FROM comments WHERE post_id = $1`, about.id)
	c.add(`DELETE FROM posts WHERE id = $1`, about.id)
	c.applied = func([]int64) {
		p.update(func(w *world) { w.forgetPost(about.id) })
	}
	return c, ok
}

// leave removes a user with everything that is the user's or hangs on it.
func (p *planner) leave() (c change, ok bool) {
	if len(p.world.users) <= 2 {
		return c, false
	}
	user := p.world.user(p.random)
	const theirs = `SELECT id FROM posts WHERE user_id = $1`
	c.add(`DELETE FROM likes WHERE user_id = $1 OR post_id IN (`+theirs+`)`, user)
	c.add(`DELETE FROM comments WHERE user_id = $1 OR post_id IN (`+theirs+`)
		OR parent_comment_id IN (SELECT id FROM comments WHERE user_id = $1)`, user)
	c.add(`DELETE FROM posts WHERE user_id = $1`, user)
	c.add(`DELETE FROM follows WHERE follower_id = $1 OR following_id = $1`, user)
	c.add(`DELETE FROM users WHERE id = $1`, user)
	c.applied = func([]int64) {
		p.update(func(w *world) { w.forgetUser(user) })
	}
	return c, true
}
