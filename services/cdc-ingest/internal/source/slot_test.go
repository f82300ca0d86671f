package source

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/pgtest"
)

// Each state of a slot that costs changes, disk or time is named with what to do, the
// worst first.
func TestJudgeSlot(t *testing.T) {
	const mb = 1 << 20
	safe := func(bytes int64) *int64 { return &bytes }
	well := func(change func(*slotState)) slotState {
		state := slotState{isActive: true, status: "reserved", safe: safe(500 * mb), written: 1000 * mb, confirmed: 999 * mb, kept: 990 * mb}
		change(&state)
		return state
	}
	cfg := settings()
	for _, test := range []struct {
		state  slotState
		behind time.Duration
		kind   string
		text   string
	}{
		{well(func(*slotState) {}), time.Minute, "", ""},
		{well(func(s *slotState) { s.status, s.safe = "", nil }), 0, "", ""},
		{well(func(s *slotState) { s.status = "lost" }), 0, "lost", "slot nova is lost: WAL that it needs is gone, and changes with it"},
		{well(func(s *slotState) { s.status, s.isActive = "unreserved", false }), 0, "unreserved", "slot nova is about to be lost: the next checkpoint removes WAL that it needs"},
		{well(func(s *slotState) { s.isActive = false }), 0, "inactive", "nobody reads slot nova; 10 MB of WAL are kept for it"},
		{well(func(s *slotState) { s.safe = safe(9 * mb) }), 0, "filling", "slot nova keeps 10 MB of WAL and is lost 9 MB further on"},
		{well(func(s *slotState) { s.confirmed, s.safe = 0, nil }), time.Second, "behind", "the connector is 1000 MB and 1s of WAL behind on slot nova"},
		{well(func(*slotState) {}), 6 * time.Minute, "behind", "the connector is 1 MB and 6m0s of WAL behind on slot nova"},
	} {
		found := test.state.judge(cfg, test.behind)
		assert.Equal(t, test.kind, found.kind)
		assert.Equal(t, test.text, found.text)
		assert.Equal(t, test.kind == "", found.fix == "")
	}
}

func settings() Config {
	return Config{Connector: "nova", Interval: time.Second, MaxLag: 5 * time.Minute, MaxLagBytes: 900 << 20, MaxHeartbeatAge: time.Minute}
}

// A slot of PostgreSQL's is seen as it is, without one, unread, read, and behind; a
// PostgreSQL that is away is said, and found again.
func TestSlot(t *testing.T) {
	postgres := pgtest.Start(t)
	made, err := newMetrics(noop.Meter{})
	require.NoError(t, err)
	s := &slot{cfg: settings(), dsn: postgres.DSN, metrics: made}
	t.Cleanup(func() { s.close(context.WithoutCancel(t.Context())) })

	assert.Equal(t, "missing", s.look(t.Context()).kind)
	postgres.Exec("CREATE PUBLICATION nova") // or the slot's reader is sent away at the first change
	postgres.Exec("SELECT pg_create_logical_replication_slot('nova', 'pgoutput')")
	assert.Equal(t, "inactive", s.look(t.Context()).kind)
	assert.False(t, made.lastSlot.state.isActive)

	postgres.Exec("CREATE TABLE t AS SELECT generate_series(1, 10000)")
	s.look(t.Context())
	s.look(t.Context())
	assert.Greater(t, made.lastSlot.state.lag(), int64(100_000))
	assert.GreaterOrEqual(t, made.lastSlot.state.retained(), made.lastSlot.state.lag())
	assert.Positive(t, made.lastSlot.behind)
	postgres.Exec("SELECT pg_replication_slot_advance('nova', pg_current_wal_lsn())")
	s.look(t.Context())
	assert.Less(t, made.lastSlot.state.lag(), int64(10_000))

	read(t, postgres.DSN)
	assert.Equal(t, finding{}, s.look(t.Context()))
	assert.True(t, made.lastSlot.state.isActive)
	s.cfg.MaxLagBytes = 100_000
	postgres.Exec("INSERT INTO t SELECT generate_series(1, 10000)")
	assert.Equal(t, "behind", s.look(t.Context()).kind)

	postgres.Kill()
	lost := s.look(t.Context())
	assert.Equal(t, isUnreachable, lost.kind)
	assert.Contains(t, lost.text, "asking PostgreSQL: ")
	assert.Nil(t, made.lastSlot)
	assert.Equal(t, isUnreachable, s.look(t.Context()).kind)
	postgres.Restart("--max_slot_wal_keep_size=1GB")
	assert.Equal(t, "inactive", s.look(t.Context()).kind)
	assert.NotNil(t, made.lastSlot.state.safe)
}

// read reads the slot as the connector does, until the test ends.
func read(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn+"&replication=database")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	conn.Frontend().SendQuery(&pgproto3.Query{String: `START_REPLICATION SLOT nova LOGICAL 0/0 (proto_version '1', publication_names 'nova')`})
	require.NoError(t, conn.Frontend().Flush())
	answer, err := conn.ReceiveMessage(t.Context())
	require.NoError(t, err)
	require.IsType(t, &pgproto3.CopyBothResponse{}, answer)
}
