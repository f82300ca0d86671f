package audience

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// Set is a set of users or posts.
type Set map[uuid.UUID]struct{}

// Add adds ids.
func (s Set) Add(ids ...uuid.UUID) {
	for _, id := range ids {
		s[id] = struct{}{}
	}
}

// Question is whose feeds are meant.
type Question struct {
	// Users are in the audience themselves.
	Users Set
	// Authors have their followers in the audience.
	Authors Set
	// Posts have the followers of their authors in the audience.
	Posts Set
}

// Store answers queries; *clickhouse.Pool is one.
type Store interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Finder answers questions.
type Finder struct{ store Store }

// New returns a Finder on the tables of store.
func New(store Store) *Finder { return &Finder{store: store} }

const (
	authorsOfPosts = `SELECT id, user_id FROM posts FINAL WHERE id IN {ids:Array(UUID)}`
	followers      = `SELECT DISTINCT follower_id FROM user_followers_current FINAL
WHERE followee_id IN {ids:Array(UUID)} AND status = 'active'`

	// chunkSize is how many ids one query names.
	chunkSize = 1000
)

// Find returns the audience, and how many of the posts ClickHouse does not know:
// they have not arrived there, or are deleted. The sets of q are used up.
func (f *Finder) Find(ctx context.Context, q Question) (users Set, unknownPosts int, err error) {
	unknownPosts, err = f.addAuthors(ctx, q)
	if err != nil {
		return nil, 0, fmt.Errorf("looking up authors of posts: %w", err)
	}
	err = f.eachRow(ctx, followers, q.Authors, func(rows *block.Reader, row int) error {
		var follower uuid.UUID
		if err := rows.Scan(row, (*[16]byte)(&follower)); err != nil {
			return err
		}
		q.Users.Add(follower)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("looking up followers: %w", err)
	}
	return q.Users, unknownPosts, nil
}

// addAuthors adds the authors of q's posts to its authors.
func (f *Finder) addAuthors(ctx context.Context, q Question) (unknownPosts int, err error) {
	unknownPosts = len(q.Posts)
	err = f.eachRow(ctx, authorsOfPosts, q.Posts, func(rows *block.Reader, row int) error {
		var post, author uuid.UUID
		if err := rows.Scan(row, (*[16]byte)(&post), (*[16]byte)(&author)); err != nil {
			return err
		}
		q.Authors.Add(author)
		unknownPosts--
		return nil
	})
	return unknownPosts, err
}

// eachRow runs a query for all of ids and calls each with its rows.
func (f *Finder) eachRow(ctx context.Context, query string, ids Set, each func(rows *block.Reader, row int) error) error {
	for some := range slices.Chunk(slices.Collect(maps.Keys(ids)), chunkSize) {
		err := f.store.Query(ctx, query, clickhouse.Parameters{"ids": array(some)}, func(rows *block.Reader) error {
			for row := range rows.Rows() {
				if err := each(rows, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// array is the text of a value of the type Array(UUID).
func array(ids []uuid.UUID) string {
	var text strings.Builder
	for i, id := range ids {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString("'" + id.String() + "'")
	}
	return "[" + text.String() + "]"
}
