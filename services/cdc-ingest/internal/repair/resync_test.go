package repair

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/pkg/servicetest"
)

const (
	idle    = `{"offsets":[{"offset":{"lsn":27159568}}]}`
	filling = `{"offsets":[{"offset":{"lsn":27159568,"incremental_snapshot_collections":"[{\"incremental_snapshot_collections_id\":\"public.posts\"}]"}}]}`
)

// connected is a PostgreSQL with a connector that reads a chunk each time it is asked
// for its place, and is done after three.
type connected struct {
	*testing.T
	postgres *pgtest.Server
	asked    atomic.Int32
	state    atomic.Pointer[string]
}

func newConnected(t *testing.T) *connected {
	t.Helper()
	c := &connected{T: t, postgres: pgtest.StartNova(t)}
	clickhouse := chtest.Start(t)
	servicetest.Migrate(t, clickhouse.Addr)
	t.Setenv("CLICKHOUSE_ADDR", clickhouse.Addr)
	t.Setenv("POSTGRES_DSN", c.postgres.DSN)
	c.postgres.Exec("INSERT INTO debezium_signal VALUES ('old-open', 'snapshot-window-open', NULL)")
	c.set("RUNNING")
	startConnect(t, c.answer)
	return c
}

func (c *connected) set(state string) { c.state.Store(&state) }

func (c *connected) answer(path string) string {
	switch path {
	case "/connectors/nova/status":
		return `{"connector":{"state":"RUNNING"},"tasks":[{"state":"` + *c.state.Load() + `","trace":"org.Slot: slot is gone"}]}`
	case "/connectors/nova/offsets":
		conn := c.postgres.Connect()
		var signals int
		assert.NoError(c, conn.QueryRow(c.Context(), "SELECT count(*) FROM debezium_signal WHERE type = 'execute-snapshot'").Scan(&signals))
		if signals == 0 || c.asked.Add(1) > 3 {
			return idle
		}
		_, err := conn.Exec(c.Context(), "INSERT INTO debezium_signal VALUES (gen_random_uuid(), 'snapshot-window-open', NULL)")
		assert.NoError(c, err)
		return filling
	}
	return ""
}

// signals are the snapshots that were asked for.
func (c *connected) signals() (found string) {
	c.Helper()
	require.NoError(c, c.postgres.Connect().QueryRow(context.WithoutCancel(c.Context()),
		"SELECT coalesce(string_agg(data, ' '), '') FROM debezium_signal WHERE type = 'execute-snapshot'").Scan(&found))
	return found
}

// A snapshot is asked for in Debezium's words and followed until the connector has
// no more of it.
func TestResync(t *testing.T) {
	c := newConnected(t)
	_, progress, err := call(t, "resync", "--table", "posts", "--where", "id > '7'")
	require.NoError(t, err)
	assert.JSONEq(t, `{"type":"incremental","data-collections":["public.posts"],
		"additional-conditions":[{"data-collection":"public.posts","filter":"id > '7'"}]}`, c.signals())
	assert.Equal(t, strings.Join([]string{
		"the snapshot is asked for; it goes on if this command is stopped", "waiting for the connector to begin",
		"the snapshot is done: 3 chunks, 3072 rows or fewer", "",
	}, "\n"), progress)
}

// Without Kafka Connect the snapshot is taken for done once no chunk has come for a
// while.
func TestResyncWithoutConnect(t *testing.T) {
	c := newConnected(t)
	t.Setenv("CONNECT_URL", "")
	c.postgres.Exec(`CREATE FUNCTION chunk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO debezium_signal VALUES (gen_random_uuid(), 'snapshot-window-open', NULL); RETURN NULL; END $$;
		CREATE TRIGGER chunk AFTER INSERT ON debezium_signal FOR EACH ROW WHEN (NEW.type = 'execute-snapshot') EXECUTE FUNCTION chunk();
		ANALYZE`)
	_, progress, err := call(t, "resync", "--table", "posts", "--table", "likes", "--quiet", "1s")
	require.NoError(t, err)
	assert.JSONEq(t, `{"type":"incremental","data-collections":["public.posts","public.likes"]}`, c.signals())
	assert.Contains(t, progress, "1 chunks, about 0 of 0 rows\nno chunk for 1s: it is done if the connector runs\n")
}

// What an incremental snapshot would not do, or not now, is refused, and nothing is
// asked for: a table that was truncated, a connector that has stopped or has another
// snapshot to finish. One that stops half way is said.
func TestResyncIsRefused(t *testing.T) {
	c := newConnected(t)
	resync := func() error {
		_, _, err := call(t, "resync", "--table", "posts")
		return err
	}
	c.set("FAILED")
	require.ErrorContains(t, resync(), "connector nova or a task of it is FAILED: org.Slot: slot is gone")
	c.set("RUNNING")
	refusing := resyncDeps{canFill: func(context.Context, string) (bool, string, error) { return false, "posts was truncated", nil }}
	r, err := parseResync([]string{"--table", "posts"})
	require.NoError(t, err)
	require.EqualError(t, r.run(t.Context(), refusing), "posts was truncated")
	assert.Empty(t, c.signals())

	c.postgres.Exec("INSERT INTO debezium_signal VALUES ('theirs', 'execute-snapshot', '{}')")
	require.ErrorIs(t, resync(), errUnderWay)
	assert.Equal(t, "{}", c.signals())
}
