package clickhouse

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLeadsTo holds how the target of a view is read from its definition, as old and
// new servers write it.
func TestLeadsTo(t *testing.T) {
	t.Parallel()
	const uuid = "9d03d28d-95db-4b06-80ff-ab4e8004e05e"
	cases := []struct {
		uuid, create string
		want         []qualified
	}{
		{uuid, "CREATE MATERIALIZED VIEW nova.v TO nova.t (`a` UInt64) AS SELECT a FROM nova.base", []qualified{{"nova", "t"}}},
		{uuid, "CREATE MATERIALIZED VIEW nova.v TO nova.t\n(\n    `a` UInt64\n)\nAS SELECT a FROM nova.base", []qualified{{"nova", "t"}}},
		{uuid, "CREATE MATERIALIZED VIEW `my db`.`v TO x.y` TO `other\\`db`.`t.t` (`a` UInt64) DEFINER = x SQL SECURITY DEFINER AS SELECT 1", []qualified{{"other`db", "t.t"}}},
		{uuid, "CREATE MATERIALIZED VIEW nova.v (`a` UInt64) ENGINE = SummingMergeTree ORDER BY a AS SELECT ' TO nova.t' AS a FROM nova.base", []qualified{{"nova", ".inner_id." + uuid}}},
		{noUUID, "CREATE MATERIALIZED VIEW nova.v (`a` UInt64) ENGINE = SummingMergeTree ORDER BY a AS SELECT a FROM nova.base", []qualified{{"nova", ".inner.v"}}},
		{uuid, "CREATE MATERIALIZED VIEW nova.v REFRESH EVERY 1 HOUR TO nova.t (`a` UInt64) AS SELECT a FROM nova.base", nil},
	}
	for _, c := range cases {
		view := described{name: qualified{"nova", "v"}, engine: "MaterializedView", uuid: c.uuid, create: c.create}
		assert.Equal(t, c.want, view.leadsTo(), c.create)
	}
	views := []qualified{{"nova", "v"}}
	assert.Equal(t, views, described{engine: "MergeTree", views: views}.leadsTo())
}

// TestReplicatedWindows holds that a replicated table needs both of its windows,
// the block count and the time, and that the ALTER is for each replica.
func TestReplicatedWindows(t *testing.T) {
	t.Parallel()
	table := described{name: qualified{"nova", "t"}, engine: "ReplicatedMergeTree"}
	cases := map[string]string{
		"replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, index_granularity = 8192": "",
		"replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 3600": "table nova.t has replicated_deduplication_window = 10000 and replicated_deduplication_window_seconds = 3600: " +
			"ALTER TABLE `nova`.`t` MODIFY SETTING replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800 (on each replica)",
		"replicated_deduplication_window_seconds = 3600, replicated_deduplication_window = 100000": "table nova.t has replicated_deduplication_window_seconds = 3600: " +
			"ALTER TABLE `nova`.`t` MODIFY SETTING replicated_deduplication_window_seconds = 604800 (on each replica)",
	}
	for settings, want := range cases {
		table.engineFull = "ReplicatedMergeTree('/clickhouse/t', '{replica}') ORDER BY a SETTINGS " + settings
		var check windowCheck
		require.NoError(t, check.one(t.Context(), nil, table))
		var got string
		if len(check.problems) > 0 {
			got = check.problems[0]
		}
		assert.Equal(t, want, got)
		assert.Empty(t, check.plain)
	}
}
