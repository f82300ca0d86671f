package verify_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
	"github.com/nova-data/nova/services/cdc-ingest/internal/verify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settle is short: nothing is on its way in most tests.
const settle = 200 * time.Millisecond

// sides are both databases.
type sides struct {
	*testing.T
	postgres   *pgtest.Server
	clickhouse *chtest.Server
	pool       *clickhouse.Pool
	conn       *pgx.Conn

	mu       sync.Mutex
	progress []string
}

func newSides(t *testing.T) *sides {
	t.Helper()
	s := &sides{T: t, postgres: pgtest.StartNova(t), clickhouse: chtest.Start(t)}
	s.pool, s.conn = servicetest.Migrate(t, s.clickhouse.Addr), s.postgres.Connect()
	s.execute("SET session_replication_role = replica") // rows are made without those that they refer to
	return s
}

func (s *sides) execute(sql string) {
	s.Helper()
	_, err := s.conn.PgConn().Exec(s.Context(), sql).ReadAll()
	require.NoError(s, err)
}

// fill makes so many posts on both sides, of the same numbers.
func (s *sides) fill(rows int) {
	s.Helper()
	// An index is made much faster than it is kept.
	s.execute("DROP INDEX posts_user_id_created_at; ALTER TABLE posts DROP CONSTRAINT posts_pkey CASCADE")
	s.execute(fmt.Sprintf(`INSERT INTO posts (id, user_id, caption, image_key, status, soft_delete, created_at, updated_at)
		SELECT md5('id' || n)::uuid, md5('user' || n)::uuid, CASE WHEN n %% 7 > 0 THEN 'caption ü ' || n END, 'images/' || n || '.jpg',
			'published', NULL, '2026-01-01 00:00:00.123456Z'::timestamptz + n * interval '1001 microseconds', '2026-02-01Z'
		FROM generate_series(1, %d) AS n`, rows))
	s.execute("ALTER TABLE posts ADD PRIMARY KEY (id)")
	s.clickhouse.Exec(fmt.Sprintf(`INSERT INTO posts (id, user_id, caption, image_key, status, created_at, updated_at, version)
		WITH x -> toUUID(replaceRegexpOne(lower(hex(MD5(x))), '(.{8})(.{4})(.{4})(.{4})(.{12})', '\\1-\\2-\\3-\\4-\\5')) AS uuid
		SELECT uuid('id' || toString(n)), uuid('user' || toString(n)), if(n %% 7 > 0, 'caption ü ' || toString(n), NULL), 'images/' || toString(n) || '.jpg',
			'published', toDateTime64('2026-01-01 00:00:00.123456', 6, 'UTC') + toIntervalMicrosecond(n * 1001), toDateTime64('2026-02-01 00:00:00', 6, 'UTC'), 8
		FROM (SELECT number + 1 AS n FROM numbers(%d))`, rows))
}

// verify compares one table.
func (s *sides) verify(settle time.Duration, names ...string) verify.Report {
	s.Helper()
	options := verify.Options{Settle: settle, Limit: 20, MaxKeys: 1000}
	for _, t := range table.All() {
		if strings.Contains(" "+strings.Join(names, " ")+" ", " "+t.Source+" ") {
			options.Tables = append(options.Tables, t)
		}
	}
	report, err := verify.Run(s.Context(), options, s.deps())
	require.NoError(s, err)
	return report
}

func (s *sides) deps() verify.Deps {
	return verify.Deps{PostgresDSN: s.postgres.DSN, ClickHouse: s.pool, Progress: func(line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.progress = append(s.progress, line)
	}}
}
