package audience_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/invalidator/internal/audience"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts ClickHouse with Nova's tables.
func start(t *testing.T) (*chtest.Server, *clickhouse.Pool) {
	t.Helper()
	server := chtest.Start(t)
	return server, servicetest.Migrate(t, server.Addr)
}

// id is the n-th id of a kind.
func id(kind, n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("%08d-0000-4000-8000-%012d", kind, n))
}

func post(n int) uuid.UUID { return id(1, n) }
func user(n int) uuid.UUID { return id(2, n) }

func set(ids ...uuid.UUID) audience.Set {
	s := audience.Set{}
	s.Add(ids...)
	return s
}

// addPost stores a version of a post.
func addPost(server *chtest.Server, n, author, version, isDeleted int) {
	server.Exec(fmt.Sprintf(`INSERT INTO posts (id, user_id, version, is_deleted) VALUES ('%s', '%s', %d, %d)`, post(n), user(author), version, isDeleted))
}

// addFollow stores a version of a follow; its id is n.
func addFollow(server *chtest.Server, n, follower, followee int, status string, version, isDeleted int) {
	server.Exec(fmt.Sprintf(`INSERT INTO user_relationships (id, follower_id, followee_id, status, version, is_deleted) VALUES ('%s', '%s', '%s', '%s', %d, %d)`,
		id(3, n), user(follower), user(followee), status, version, isDeleted))
}

// The audience is who follows now, by the newest version of each row, and who is
// named; posts that are not there or deleted are counted and have none.
func TestFind(t *testing.T) {
	server, pool := start(t)
	addPost(server, 1, 10, 1, 0)
	addPost(server, 2, 10, 1, 0)
	addPost(server, 2, 11, 2, 0) // of another author now
	addPost(server, 3, 12, 1, 0)
	addPost(server, 3, 12, 2, 1) // deleted
	addFollow(server, 1, 20, 10, "active", 1, 0)
	addFollow(server, 2, 21, 10, "active", 1, 0)
	addFollow(server, 2, 21, 10, "deleted", 2, 1) // unfollowed
	addFollow(server, 3, 22, 10, "deleted", 1, 0) // a status that says so
	addFollow(server, 4, 23, 10, "active", 1, 0)
	addFollow(server, 5, 23, 10, "active", 1, 0) // the same pair once more
	addFollow(server, 6, 24, 11, "active", 1, 0)
	addFollow(server, 7, 25, 12, "active", 1, 0)
	addFollow(server, 8, 20, 13, "active", 1, 0)

	for name, test := range map[string]struct {
		question audience.Question
		users    audience.Set
		unknown  int
	}{
		"nobody":       {audience.Question{Users: set()}, set(), 0},
		"users":        {audience.Question{Users: set(user(1), user(2))}, set(user(1), user(2)), 0},
		"author":       {audience.Question{Users: set(), Authors: set(user(10))}, set(user(20), user(23)), 0},
		"authors":      {audience.Question{Users: set(), Authors: set(user(10), user(12), user(13), user(99))}, set(user(20), user(23), user(25)), 0},
		"post":         {audience.Question{Users: set(user(1)), Authors: set(), Posts: set(post(1))}, set(user(1), user(20), user(23)), 0},
		"moved post":   {audience.Question{Users: set(), Authors: set(), Posts: set(post(2))}, set(user(24)), 0},
		"deleted post": {audience.Question{Users: set(user(1)), Authors: set(), Posts: set(post(3), post(4))}, set(user(1)), 2},
		"all of it":    {audience.Question{Users: set(user(20)), Authors: set(user(12)), Posts: set(post(1), post(2), post(3))}, set(user(20), user(23), user(24), user(25)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			users, unknown, err := audience.New(pool).Find(t.Context(), test.question)
			require.NoError(t, err)
			assert.Equal(t, test.users, users)
			assert.Equal(t, test.unknown, unknown)
		})
	}
}

// More posts, authors and followers than one query names or one block holds are
// all found.
func TestFindMany(t *testing.T) {
	server, pool := start(t)
	const posts, followers = 2500, 100_000
	server.Exec(fmt.Sprintf(`INSERT INTO posts (id, user_id, version, is_deleted)
		SELECT toUUID(format('00000001-0000-4000-8000-{}', leftPad(toString(number), 12, '0'))), toUUID(format('00000002-0000-4000-8000-{}', leftPad(toString(number), 12, '0'))), 1, 0 FROM numbers(%d)`, posts))
	server.Exec(fmt.Sprintf(`INSERT INTO user_relationships (id, follower_id, followee_id, status, version, is_deleted)
		SELECT generateUUIDv4(), toUUID(format('00000004-0000-4000-8000-{}', leftPad(toString(number), 12, '0'))), toUUID(format('00000002-0000-4000-8000-{}', leftPad(toString(number %% %d), 12, '0'))), 'active', 1, 0 FROM numbers(%d)`, posts, followers))
	question := audience.Question{Users: audience.Set{}, Authors: audience.Set{}, Posts: audience.Set{}}
	for n := range posts + 1 {
		question.Posts.Add(post(n))
	}
	users, unknown, err := audience.New(pool).Find(t.Context(), question)
	require.NoError(t, err)
	assert.Equal(t, 1, unknown)
	assert.Len(t, users, followers)
	assert.Contains(t, users, id(4, followers-1))
}

// absent is a ClickHouse that does not answer one of the queries.
type absent string

func (a absent) Query(_ context.Context, sql string, _ clickhouse.Parameters, _ func(*block.Reader) error) error {
	if strings.Contains(sql, string(a)) {
		return errAway
	}
	return nil
}

var errAway = errors.New("away")

// No audience is better than a part of it: an answer that is missing is an error.
func TestClickHouseAway(t *testing.T) {
	for _, query := range []string{"FROM posts", "FROM user_followers_current"} {
		question := audience.Question{Users: set(user(1)), Authors: set(user(2)), Posts: set(post(1))}
		users, _, err := audience.New(absent(query)).Find(t.Context(), question)
		require.ErrorIs(t, err, errAway)
		assert.Nil(t, users)
	}
}
