package store_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/store"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

const id = "11111111-0000-4000-8000-000000000001"

func open(t *testing.T) (*store.Store, *chtest.Server) {
	t.Helper()
	server := chtest.Start(t)
	pool := servicetest.Migrate(t, server.Addr)
	writer, err := clickhouse.NewWriter(clickhouse.WriterConfig{MaxAge: time.Hour}, clickhouse.WriterDeps{
		Pool: pool, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{},
	})
	require.NoError(t, err)
	return store.New(writer), server
}

func named(t *testing.T, source string) table.Table {
	t.Helper()
	for _, mapped := range table.All() {
		if mapped.Source == source {
			return mapped
		}
	}
	require.Fail(t, "no such table", source)
	return table.Table{}
}

// The row before a change is the newest of lower version; where merges have removed
// that, it is the change's own, or else a newer one, told by its version. Text comes
// back as it was, NULL as NULL.
func TestEarlier(t *testing.T) {
	s, server := open(t)
	users := named(t, "users")
	insert := func(version int, name, bio string) {
		server.Exec(fmt.Sprintf("INSERT INTO users (id, username, bio, version, is_deleted) VALUES ('%s', '%s', %s, %d, 0)", id, name, bio, version))
	}
	find := func(change uint64) (name, bio string, version uint64) {
		t.Helper()
		found, err := s.Earlier(t.Context(), users, []table.Need{{Key: `"` + id + `"`, Version: change}, {Key: `"` + id[:35] + `2"`, Version: change}})
		require.NoError(t, err)
		require.Len(t, found, 2)
		assert.Equal(t, table.Earlier{}, found[`"`+id[:35]+`2"`])
		was := found[`"`+id+`"`]
		username, _ := was.Row.Find("username")
		text, _ := was.Row.Find("bio")
		return string(username.Raw), string(text.Raw), was.Version
	}
	insert(802, "one", "NULL")
	insert(810, "two", `'a "b" \\ \n 🌸'`)
	insert(826, "three", "''")
	name, bio, version := find(826)
	assert.Equal(t, `"two"`, name)
	assert.Equal(t, `"a \"b\" \\ \n 🌸"`, bio)
	assert.Equal(t, uint64(810), version)
	name, bio, _ = find(810)
	assert.Equal(t, `"one"`, name)
	assert.Equal(t, "null", bio)

	server.Exec("OPTIMIZE TABLE users FINAL")
	_, _, version = find(826)
	assert.Equal(t, uint64(826), version, "its own")
	_, _, version = find(810)
	assert.Equal(t, uint64(826), version, "a newer one")
}

// A truncate leaves newer rows, in the table and its views, and may be repeated; an
// older one that is recorded later is not the newest.
func TestTruncate(t *testing.T) {
	s, server := open(t)
	follows := named(t, "follows")
	for n, version := range []int{802, 810, 826} {
		server.Exec(fmt.Sprintf("INSERT INTO user_relationships (id, follower_id, followee_id, status, version, is_deleted) VALUES ('%[1]s%[2]d', '%[1]s%[2]d', '%[1]s%[2]d', 'active', %[3]d, 0)", id[:35], n, version))
	}
	mark, err := s.Newest(t.Context(), follows)
	require.NoError(t, err)
	assert.Zero(t, mark)
	for _, version := range []uint64{817, 809, 817} {
		require.NoError(t, s.Truncate(t.Context(), follows, version))
	}
	mark, err = s.Newest(t.Context(), follows)
	require.NoError(t, err)
	assert.Equal(t, uint64(817), mark)
	for _, view := range []string{"user_relationships", "user_relationships_current", "user_followers_current"} {
		assert.Equal(t, "826", server.Query("SELECT version FROM "+view+" FINAL WHERE status = 'active'"), view)
	}
}
