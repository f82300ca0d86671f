package traffic

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/feedcache"
)

// stored is a ClickHouse with Nova's tables.
type stored struct {
	*chtest.Server

	pool *clickhouse.Pool
}

func newStored(t *testing.T) *stored {
	t.Helper()
	server := chtest.Start(t)
	pool, err := clickhouse.Open(clickhouse.Config{
		Addr: []string{server.Addr}, Database: "nova", Username: "default", Compression: clickhouse.LZ4,
		DialTimeout: time.Second, Timeout: 5 * time.Second, MaxConns: 4,
	}, clickhouse.Deps{Log: quiet(), Meter: noop.Meter{}})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = schema.New(schema.Config{PostEventsTTLDays: 400}, pool, slog.New(slog.DiscardHandler)).Apply(t.Context())
	require.NoError(t, err)
	return &stored{Server: server, pool: pool}
}

func (s *stored) follow(id, follower, followee uuid.UUID, status string, version int) {
	s.Exec(fmt.Sprintf(`INSERT INTO user_relationships (id, follower_id, followee_id, status, version, is_deleted)
		VALUES ('%s', '%s', '%s', '%s', %d, %d)`, id, follower, followee, status, version, isDeleted(status)))
}

func isDeleted(status string) int {
	if status == "deleted" {
		return 1
	}
	return 0
}

func (s *stored) post(id, author uuid.UUID, minute int, status, softDelete string) {
	s.Exec(fmt.Sprintf(`INSERT INTO posts (id, user_id, status, soft_delete, created_at, version, is_deleted)
		VALUES ('%s', '%s', '%s', %s, '2026-01-01 00:%02d:00', 1, %d)`, id, author, status, softDelete, minute, isDeleted(status)))
}

// A page is the newest published posts of those whom the user follows now, and
// the size of the whole feed, also behind its end and for one who follows nobody.
func TestFeedPage(t *testing.T) {
	s := newStored(t)
	id := counted()
	ada, bob, cyd, dan := id(), id(), id(), id()
	s.follow(id(), ada, bob, "active", 1)
	s.follow(id(), bob, cyd, "active", 1)
	gone := id()
	s.follow(gone, ada, dan, "active", 1)
	s.follow(gone, ada, dan, "deleted", 2)
	posts := make([]uuid.UUID, 5)
	for i := range posts {
		posts[i] = id()
		s.post(posts[i], bob, i, "published", "NULL")
	}
	s.post(id(), bob, 10, "draft", "NULL")
	s.post(id(), bob, 11, "published", "now()")
	s.post(id(), bob, 12, "deleted", "NULL")
	s.post(id(), cyd, 13, "published", "NULL")
	s.post(id(), dan, 14, "published", "NULL")

	pages := computer{from: s.pool}
	before := time.Now()
	for name, test := range map[string]struct {
		look  look
		want  []uuid.UUID
		total int64
	}{
		"first":   {look{ada, feedcache.Place{Limit: 2}}, []uuid.UUID{posts[4], posts[3]}, 5},
		"last":    {look{ada, feedcache.Place{Offset: 4, Limit: 2}}, []uuid.UUID{posts[0]}, 5},
		"behind":  {look{ada, feedcache.Place{Offset: 20, Limit: 20}}, nil, 5},
		"nothing": {look{dan, feedcache.Place{Limit: 20}}, nil, 0},
	} {
		page, err := pages.compute(t.Context(), test.look)
		require.NoError(t, err, name)
		assert.Equal(t, test.want, page.PostIDs, name)
		assert.Equal(t, test.total, page.TotalCount, name)
		assert.WithinRange(t, page.CachedAt, before, time.Now(), name)
	}

	s.Kill()
	_, err := pages.compute(t.Context(), look{ada, feedcache.Place{Limit: 2}})
	require.ErrorContains(t, err, "computing a feed page")
}
