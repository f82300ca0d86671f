package verify_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/cdc-ingest/internal/verify"
)

// delay is how far the pipeline of these tests is behind.
const delay = 300 * time.Millisecond

// pipeline changes posts in PostgreSQL and repeats each change in ClickHouse after
// the delay, until ctx ends. It returns how many changes it has repeated.
func (s *sides) pipeline(ctx context.Context, t *testing.T) (changes int) {
	t.Helper()
	conn := s.postgres.Connect()
	queue := make(chan change, 10_000)
	var repeated sync.WaitGroup
	defer repeated.Wait()
	defer close(queue)
	repeated.Go(func() { s.repeat(context.WithoutCancel(ctx), queue) })
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for version := 16; ; version += 8 {
		<-pace.C
		n := version/8*131%2000 + 1
		if version%80 == 0 {
			n = 5 // changes all the time
		}
		row, err := alter(ctx, conn, version, n)
		if ctx.Err() != nil {
			return changes
		}
		if !assert.NoError(t, err) {
			return changes
		}
		queue <- change{row: row, due: time.Now().Add(delay)}
		changes++
	}
}

// change is a row of ClickHouse, and when it may be seen there.
type change struct {
	row string
	due time.Time
}

// repeat stores all that is due, a block at a time.
func (s *sides) repeat(ctx context.Context, queue <-chan change) {
	for c := range queue {
		<-time.After(time.Until(c.due))
		rows := []string{"INSERT INTO posts FORMAT JSONEachRow", c.row}
		for range len(queue) {
			// The delay of what is taken early is shorter.
			rows = append(rows, (<-queue).row)
		}
		_, err := s.clickhouse.Do(ctx, strings.Join(rows, "\n"), url.Values{"date_time_input_format": {"best_effort"}})
		assert.NoError(s, err)
	}
}

// alter changes the n-th post, deletes it, or makes it again, and returns the row
// that does the same in ClickHouse.
func alter(ctx context.Context, conn *pgx.Conn, version, n int) (row string, err error) {
	key := fmt.Sprintf("md5('id%d')::uuid", n)
	const columns = `json_build_object('id', id, 'user_id', user_id, 'caption', caption, 'image_key', image_key, 'status', status,
		'soft_delete', soft_delete, 'created_at', created_at, 'updated_at', updated_at, 'version', %d, 'is_deleted', %d)::text`
	if version%3 == 0 {
		err = conn.QueryRow(ctx, fmt.Sprintf("DELETE FROM posts WHERE id = %s RETURNING "+columns, key, version, 1)).Scan(&row)
	}
	if version%3 != 0 || errors.Is(err, pgx.ErrNoRows) {
		err = conn.QueryRow(ctx, fmt.Sprintf(`INSERT INTO posts (id, user_id, caption, image_key) VALUES (%s, md5('%d')::uuid, 'new %d', 'k')
			ON CONFLICT (id) DO UPDATE SET caption = 'changed %d' RETURNING `+columns, key, n, n, version, version, 0)).Scan(&row)
	}
	return row, err
}

// While writes go on and ClickHouse is behind, equal tables are equal; a difference
// that stays is found among them.
func TestWritesGoOn(t *testing.T) {
	s := newSides(t)
	s.fill(20_000)
	s.execute("ALTER DATABASE nova SET session_replication_role = replica")
	ctx, cancel := context.WithCancel(t.Context())
	var changes int
	var writing sync.WaitGroup
	writing.Go(func() { changes = s.pipeline(ctx, t) })
	defer writing.Wait()
	defer cancel()

	const long = 2 * time.Second
	for range 3 {
		report := s.verify(long, "posts")
		require.True(t, report.IsEqual(), "%+v", report)
	}
	s.clickhouse.Exec("INSERT INTO posts (id, version, is_deleted) SELECT id, 1000000000, 1 FROM posts WHERE image_key = 'images/19999.jpg'")
	report := s.verify(long, "posts")
	assert.False(t, report.IsEqual())
	require.Len(t, report.Tables[0].Examples, 1)
	assert.Equal(t, "missing in ClickHouse", report.Tables[0].Examples[0].String())
	cancel()
	writing.Wait()
	assert.Greater(t, changes, 1000)
	assert.Contains(t, strings.Join(s.progress, "\n"), "keys again", "something was on its way")
}

// Tables that differ all over end the comparison early, and the report says so.
func TestTablesThatDifferAllOver(t *testing.T) {
	s := newSides(t)
	s.fill(1)
	s.clickhouse.Exec("INSERT INTO posts (id, version) SELECT generateUUIDv4(number), 8 FROM numbers(1200)")
	report := s.verify(settle, "posts")
	assert.False(t, report.IsEqual())
	assert.Contains(t, report.Tables[0].Stopped, "too many keys differ: stopped after")
	assert.Equal(t, int64(1000), report.Tables[0].Differences)
	assert.Len(t, report.Tables[0].Examples, 20)
	assert.Equal(t, verify.Difference{Key: report.Tables[0].Examples[0].Key, Missing: "postgresql"}, report.Tables[0].Examples[0])
}
