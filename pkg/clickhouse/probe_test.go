package clickhouse_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
)

// rowsOf returns the numbers of refused rows.
func rowsOf(refused []clickhouse.Refusal) []int {
	var rows []int
	for _, refusal := range refused {
		rows = append(rows, refusal.Row)
	}
	return rows
}

// TestRefusedFindsWhatAConstraintRefuses holds that the rows which a constraint of
// the operator's refuses are found, those and no others, wherever they lie; that
// nothing is stored by it; and that the probe is nobody else's.
func TestRefusedFindsWhatAConstraintRefuses(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	rows := named("t", likes(0, 100, 2))
	refused, err := s.Refused(t.Context(), rows)
	require.NoError(t, err)
	assert.Empty(t, refused)

	s.server.Exec("ALTER TABLE post_events ADD CONSTRAINT planted CHECK dwell_ms NOT IN (0, 41, 42, 99)")
	refused, err = s.Refused(t.Context(), rows)
	require.NoError(t, err)
	require.Equal(t, []int{0, 41, 42, 99}, rowsOf(refused))
	for _, refusal := range refused {
		assert.Equal(t, clickhouse.Data, refusal.Err.Class)
		require.ErrorContains(t, refusal.Err, "planted")
	}
	s.requireStored(0, 0, 0)

	s.server.Exec("ALTER TABLE post_events ADD CONSTRAINT nothing CHECK dwell_ms > 1000")
	refused, err = s.Refused(t.Context(), named("t", likes(0, 5, 1)))
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2, 3, 4}, rowsOf(refused))
	assert.Equal(t, int64(0), scalar[int64](t, s.pool, "EXISTS TEMPORARY TABLE nova_probe", nil))
}

// TestRefusedTakesTablesAsTheyAre holds that columns, defaults, indices, projections
// and TTLs that an operator has added do not keep the probe from being made.
func TestRefusedTakesTablesAsTheyAre(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	s.server.Exec(`CREATE TABLE small (
		id UInt64 CODEC(Delta, ZSTD(1)), made Date DEFAULT today(), note String TTL made + INTERVAL 1 DAY, half UInt64 MATERIALIZED intDiv(id, 2), twice UInt64 ALIAS id * 2,
		INDEX by_id id TYPE minmax GRANULARITY 1, PROJECTION by_made (SELECT * ORDER BY made), CONSTRAINT low CHECK id < 8
	) ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(made) ORDER BY id PRIMARY KEY id TTL made + INTERVAL 10 YEAR
	SETTINGS deduplicate_merge_projection_mode = 'drop', storage_policy = 'default'`)
	refused, err := s.Refused(t.Context(), numbers("a", 1, 2, 8, 4, 9))
	require.NoError(t, err)
	assert.Equal(t, []int{2, 4}, rowsOf(refused))
}

// TestRefusedTakesThreeTries holds that a row is only given up when it is refused
// alone three times: an error of the data class that passes is no verdict.
func TestRefusedTakesThreeTries(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	small(t, s, "100")
	// The whole block, and then the first row twice.
	s.server.Fault(chtest.Fault{Action: "exception", Code: 469, Count: 3, Table: "nova_probe"})
	refused, err := s.Refused(t.Context(), numbers("a", 1, 2))
	require.NoError(t, err)
	assert.Empty(t, refused)
	assert.Empty(t, s.server.PendingFaults())

	s.server.Fault(chtest.Fault{Action: "exception", Code: 469, Count: 4, Table: "nova_probe"})
	refused, err = s.Refused(t.Context(), numbers("a", 1, 2))
	require.NoError(t, err)
	assert.Equal(t, []int{0}, rowsOf(refused))
}

// TestRefusedNeedsAnAnswer holds that a failure which says nothing of the rows is
// returned, whole, for the caller to try again.
func TestRefusedNeedsAnAnswer(t *testing.T) {
	s := newStore(t, chtest.Start(t))
	_, err := s.Refused(t.Context(), numbers("a", 1))
	assert.Equal(t, clickhouse.Schema, clickhouse.ClassOf(err), "the table is missing")
	small(t, s, "100")
	for _, fault := range []chtest.Fault{{Action: "cut"}, {Action: "exception", Code: 241}} {
		s.server.Fault(fault)
		_, err = s.Refused(t.Context(), numbers("a", 1, 2))
		require.Error(t, err)
		assert.True(t, clickhouse.IsInfrastructure(err), err)
	}
	refused, err := s.Refused(t.Context(), numbers("a"))
	require.NoError(t, err)
	assert.Empty(t, refused)
}
