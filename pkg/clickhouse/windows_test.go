package clickhouse_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
)

// TestShippedTablesAreSafe holds that the schema as it ships passes, with one
// warning that names the tables which are not replicated.
func TestShippedTablesAreSafe(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	require.NoError(t, s.CheckWindows(t.Context(), "post_events"))
	assert.Equal(t, 1, strings.Count(s.log.String(), "level=WARN"))
	for _, table := range []string{"nova.post_events", "nova.post_engagement_hourly", "nova.post_engagement_minutely"} {
		assert.Contains(t, s.log.String(), table)
	}
}

// TestUnsafeTablesAreRefused holds that a window which is too small is refused in
// the table, in targets of its views, in inner tables, and behind other views, each
// by name and with the ALTER that helps, which it does; and that a view of other
// tables does not matter.
func TestUnsafeTablesAreRefused(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	for _, sql := range []string{
		"ALTER TABLE post_events MODIFY SETTING non_replicated_deduplication_window = 99999",
		"CREATE DATABASE other",
		"CREATE TABLE other.`odd``name` (n UInt64) ENGINE = MergeTree ORDER BY n",
		"CREATE MATERIALIZED VIEW other.`a view` TO other.`odd``name` AS SELECT toUInt64(dwell_ms) AS n FROM nova.post_events",
		"CREATE MATERIALIZED VIEW other.second ENGINE = SummingMergeTree ORDER BY n AS SELECT n FROM other.`odd``name`",
		"CREATE TABLE passing (n UInt64) ENGINE = Null",
		"CREATE MATERIALIZED VIEW to_passing TO passing AS SELECT toUInt64(dwell_ms) AS n FROM post_events",
		"CREATE TABLE behind (n UInt64) ENGINE = MergeTree ORDER BY n",
		"CREATE MATERIALIZED VIEW to_behind TO behind AS SELECT n FROM passing",
		"CREATE TABLE unrelated (n UInt64) ENGINE = MergeTree ORDER BY n",
		"CREATE MATERIALIZED VIEW to_unrelated TO unrelated AS SELECT toUInt64(version) AS n FROM posts",
		"CREATE MATERIALIZED VIEW refreshed REFRESH EVERY 1 YEAR (n UInt64) ENGINE = MergeTree ORDER BY n EMPTY AS SELECT toUInt64(dwell_ms) AS n FROM post_events",
	} {
		s.server.Exec(sql)
	}
	err := s.CheckWindows(t.Context(), "post_events")
	require.ErrorIs(t, err, clickhouse.ErrUnsafeTable)
	inner := ".inner_id." + s.server.Query("SELECT uuid FROM system.tables WHERE name = 'second'")
	alters := map[string]string{
		"nova.post_events has non_replicated_deduplication_window = 99999": "ALTER TABLE `nova`.`post_events` MODIFY SETTING non_replicated_deduplication_window = 100000",
		"other.odd`name has non_replicated_deduplication_window = 0":       "ALTER TABLE `other`.`odd\\`name` MODIFY SETTING non_replicated_deduplication_window = 100000",
		"other." + inner + " has non_replicated_deduplication_window = 0":  "ALTER TABLE `other`.`" + inner + "` MODIFY SETTING non_replicated_deduplication_window = 100000",
		"nova.behind has non_replicated_deduplication_window = 0":          "ALTER TABLE `nova`.`behind` MODIFY SETTING non_replicated_deduplication_window = 100000",
	}
	assert.Equal(t, len(alters), strings.Count(err.Error(), "ALTER TABLE"), err)
	for problem, alter := range alters {
		require.ErrorContains(t, err, problem+": "+alter)
		s.server.Exec(alter)
	}
	require.NoError(t, s.CheckWindows(t.Context(), "post_events"))
}

// TestTargetsThatCannotRememberAreRefused holds that a table without tokens is
// refused by its engine, and one that is missing by its name.
func TestTargetsThatCannotRememberAreRefused(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.server.Exec("CREATE TABLE lines (n UInt64) ENGINE = Log")
	s.server.Exec("CREATE MATERIALIZED VIEW to_lines TO lines AS SELECT toUInt64(dwell_ms) AS n FROM post_events")
	err := s.CheckWindows(t.Context(), "post_events")
	require.ErrorIs(t, err, clickhouse.ErrUnsafeTable)
	require.ErrorContains(t, err, "table nova.lines has the engine Log")

	err = s.CheckWindows(t.Context(), "absent")
	require.ErrorIs(t, err, clickhouse.ErrUnsafeTable)
	require.ErrorContains(t, err, "nova.absent is missing")

	s.server.Kill()
	err = s.CheckWindows(t.Context(), "post_events")
	require.NotErrorIs(t, err, clickhouse.ErrUnsafeTable)
	assert.True(t, clickhouse.IsInfrastructure(err))
}

// TestHolds holds that a partition's rows are found by topic and partition, and by
// nothing less.
func TestHolds(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	require.NoError(t, s.pool.Insert(t.Context(), named("t", likes(0, 10, 2)))) // partitions 1 and 2 of events
	for _, c := range []struct {
		topic     string
		partition int
		want      bool
	}{{"events", 1, true}, {"events", 2, true}, {"events", 3, false}, {"event", 1, false}} {
		held, err := s.Holds(t.Context(), "post_events", c.topic, c.partition)
		require.NoError(t, err)
		assert.Equal(t, c.want, held, c)
	}
	_, err := s.Holds(t.Context(), "absent", "events", 1)
	assert.Equal(t, clickhouse.Schema, clickhouse.ClassOf(err))
}
