package traffic

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// load fills the world with what the database holds.
func (d *database) load(ctx context.Context, conn *pgx.Conn) error {
	var fresh world
	var err error
	if fresh.users, err = newest(ctx, conn, "users", "id", maxUsers, scanID); err != nil {
		return err
	}
	if fresh.likes, err = newest(ctx, conn, "likes", "id", maxRecent, scanID); err != nil {
		return err
	}
	if fresh.posts, err = newest(ctx, conn, "posts", "id, user_id", maxRecent, scanPost); err != nil {
		return err
	}
	if fresh.comments, err = newest(ctx, conn, "comments", "id, post_id, user_id, parent_comment_id", maxRecent, scanComment); err != nil {
		return err
	}
	if fresh.follows, err = newest(ctx, conn, "follows", "id, follower_id, following_id", maxRecent, scanFollow); err != nil {
		return err
	}
	d.planner.update(func(w *world) {
		w.users, w.posts, w.comments = fresh.users, fresh.posts, fresh.comments
		w.likes, w.follows = fresh.likes, fresh.follows
	})
	return nil
}

// newest reads the newest rows of a table, oldest first.
func newest[T any](ctx context.Context, conn *pgx.Conn, table, columns string, limit int, scan pgx.RowToFunc[T]) ([]T, error) {
	rows, err := conn.Query(ctx, "SELECT "+columns+" FROM "+table+" ORDER BY created_at DESC, id DESC LIMIT $1", limit)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", table, err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", table, err)
	}
	slices.Reverse(found)
	return found, nil
}

func scanID(row pgx.CollectableRow) (id uuid.UUID, err error) {
	err = row.Scan(&id)
	return id, err
}

func scanPost(row pgx.CollectableRow) (p post, err error) {
	err = row.Scan(&p.id, &p.author)
	return p, err
}

func scanComment(row pgx.CollectableRow) (c comment, err error) {
	err = row.Scan(&c.id, &c.post, &c.author, &c.parent)
	return c, err
}

func scanFollow(row pgx.CollectableRow) (f follow, err error) {
	err = row.Scan(&f.id, &f.follower, &f.followee)
	return f, err
}
