package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A killed server keeps what was committed, at the same address, and decodes
// logically as the pipeline needs.
func TestKillAndRestart(t *testing.T) {
	server := pgtest.Start(t)
	server.Exec("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
	server.Exec("INSERT INTO t VALUES ($1)", 3)

	server.Kill()
	_, err := pgx.Connect(t.Context(), server.DSN)
	require.Error(t, err)

	server.Restart()
	conn := server.Connect()
	var rows int
	var level string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*), current_setting('wal_level') FROM t").Scan(&rows, &level))
	require.Equal(t, 3, rows)
	require.Equal(t, "logical", level)

	server.Kill()
	server.Restart("--wal_level=replica")
	require.NoError(t, server.Connect().QueryRow(t.Context(), "SHOW wal_level").Scan(&level))
	require.Equal(t, "replica", level)
}

// The Nova schema of tilt/postgres applies to an empty database.
func TestStartNova(t *testing.T) {
	conn := pgtest.StartNova(t).Connect()
	for _, table := range []string{"users", "posts", "comments", "likes", "follows", "job_definitions"} {
		var rows int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+pgx.Identifier{table}.Sanitize()).Scan(&rows), table)
	}
}
