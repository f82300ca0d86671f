package cdcingest_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/pgtest"
	cdcingest "github.com/nova-data/nova/services/cdc-ingest"
)

// The command line shows help and configuration, and refuses what it does not
// know.
func TestCommandLine(t *testing.T) {
	tests := []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, 0, "cdc-ingest config", ""},
		{[]string{"config"}, 0, "| `CDC_EPOCHS` |", ""},
		{[]string{"migrate"}, 2, "", "not a command"},
		{[]string{"config", "all"}, 2, "", "not a command"},
		{[]string{"verify", "--help"}, 0, "--settle 10s", ""},
		{[]string{"verify", "--table", "jobs"}, 2, "", `no table "jobs" is mapped: want one of users, posts`},
		{[]string{"verify", "--settle", "0s"}, 2, "", "--settle must be positive"},
		{[]string{"verify", "posts"}, 2, "", `"posts" is not a flag`},
		{[]string{"verify"}, 1, "", "POSTGRES_DSN is required"},
		{[]string{"doctor", "--help"}, 0, "CONNECT_URL", ""},
		{[]string{"doctor", "--all"}, 2, "", "cdc-ingest doctor [--connector nova]"},
		{[]string{"doctor"}, 1, "", "POSTGRES_DSN is required"},
		{[]string{"epoch", "--help"}, 0, "begin|finish --prefix nova2", ""},
		{[]string{"rewind"}, 2, "", "--to must be earliest"},
		{[]string{"resync"}, 2, "", "--table is needed"},
	}
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, test.code, cdcingest.Main(test.args, &stdout, &stderr), test.args)
		assert.Contains(t, stdout.String(), test.stdout)
		assert.Contains(t, stderr.String(), test.stderr)
	}
}

// Every wrong setting is named at once, by its variable.
func TestConfigNamesEveryProblem(t *testing.T) {
	t.Setenv("CDC_EPOCHS", "nova:1,nova2:1")
	t.Setenv("DLQ_MAX_RECORD_BYTES", "0")
	t.Setenv("BATCH_ROWS", "0")
	t.Setenv("CLICKHOUSE_BREAKER_FAILURES", "0")
	t.Setenv("DLQ_GUARD_RATIO", "2")
	var cfg cdcingest.Config
	err := config.Load(&cfg)
	require.Error(t, err)
	for _, want := range []string{"CDC_EPOCHS must not give nova and nova2 the same epoch", "DLQ_MAX_RECORD_BYTES", "BATCH_ROWS", "CLICKHOUSE_BREAKER_FAILURES", "DLQ_GUARD_RATIO"} {
		assert.ErrorContains(t, err, want)
	}
}

// The defaults are those of the local stack.
func TestDefaults(t *testing.T) {
	var cfg cdcingest.Config
	require.NoError(t, config.Load(&cfg))
	assert.Equal(t, "nova:0", cfg.CDCEpochs.String())
	assert.Equal(t, "cdc-dlq", cfg.DLQTopic)
}

// verify says by its exit code whether the tables are equal, names what differs, and
// says whom it cannot reach; doctor counts what fails.
func TestVerifyAndDoctor(t *testing.T) {
	e := migrated(t)
	postgres := pgtest.StartNova(t)
	t.Setenv("POSTGRES_DSN", postgres.DSN)
	run := func(code int, args ...string) (stdout, stderr string) {
		var out, problems bytes.Buffer
		require.Equal(t, code, cdcingest.Main(args, &out, &problems), problems.String())
		return out.String(), problems.String()
	}
	table, progress := run(0, "verify", "--settle", "50ms")
	assert.Regexp(t, `(?m)^follows +0 +0 +0 +0 +`, table)
	assert.Contains(t, progress, "likes: reading")

	const id = "55555555-0000-4000-8000-000000000001"
	e.clickhouse.Exec("INSERT INTO likes (id, version) VALUES ('" + id + "', 8)")
	table, problems := run(1, "verify", "--settle", "50ms", "--table", "likes", "--table", "users")
	assert.Contains(t, table, "likes "+id+": only in ClickHouse\n")
	assert.Contains(t, problems, "cdc-ingest verify: PostgreSQL and ClickHouse differ\n")
	object, _ := run(1, "verify", "--settle", "50ms", "--table", "likes", "--json")
	assert.JSONEq(t, `{"key": "`+id+`", "missing_in": "postgresql"}`, firstExample(t, object))

	findings, problems := run(1, "doctor")
	assert.Contains(t, findings, "ok    postgresql  wal_level is logical\n")
	assert.Contains(t, findings, "fail  postgresql  replication slot nova is missing: ")
	assert.Regexp(t, `cdc-ingest doctor: \d+ checks fail\n$`, problems)

	postgres.Kill()
	_, problems = run(1, "verify")
	assert.Contains(t, problems, "connecting to PostgreSQL: ")
	e.clickhouse.Kill()
	_, problems = run(1, "verify")
	assert.Contains(t, problems, "connecting to ClickHouse: ")
}

// firstExample is the first example of the first table.
func firstExample(t *testing.T, report string) string {
	t.Helper()
	var decoded struct {
		Tables []struct {
			Examples []json.RawMessage `json:"examples"`
		} `json:"tables"`
	}
	require.NoError(t, json.Unmarshal([]byte(report), &decoded), report)
	return string(decoded.Tables[0].Examples[0])
}
