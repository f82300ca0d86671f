package jobs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/jobs"
)

func TestMain(m *testing.M) { servicetest.Main(m, jobs.Main) }

// result is what a command line came to.
type result struct {
	code           int
	stdout, stderr string
}

// run runs jobs as a process of its own.
func run(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := servicetest.Command(t.Context(), args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		assert.NoError(t, err)
	}
	return result{code: command.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// servers starts what a migration needs and points the variables there.
func servers(t *testing.T, topics ...kafkatest.Topic) (*chtest.Server, *kafkatest.Cluster) {
	t.Helper()
	server, cluster := chtest.Start(t), kafkatest.Start(t, topics...)
	t.Setenv("CLICKHOUSE_ADDR", server.Addr)
	t.Setenv("KAFKA_BROKERS", strings.Join(cluster.Brokers, ","))
	return server, cluster
}

// report is the part of the JSON output that programs rely on.
type report struct {
	InStep bool `json:"in_step"`
	Schema struct {
		Applied []struct {
			Version int    `json:"version"`
			Name    string `json:"name"`
		} `json:"applied"`
		Steps []struct {
			Name       string   `json:"name"`
			Statements []string `json:"statements"`
		} `json:"steps"`
		Drift []string `json:"drift"`
	} `json:"schema"`
	Topics struct {
		Steps []struct {
			Topic string `json:"topic"`
			Name  string `json:"name"`
		} `json:"steps"`
		Drift []string `json:"drift"`
	} `json:"topics"`
}

func decoded(t *testing.T, r result) report {
	t.Helper()
	var got report
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &got), r)
	return got
}

// TestMigrateBringsUpToDate holds the whole way of an installation: status and
// plan tell what is missing and change nothing, apply does it, and then there is
// nothing to do, in text and in JSON.
func TestMigrateBringsUpToDate(t *testing.T) {
	server, cluster := servers(t)
	for _, command := range []string{"status", "plan"} {
		asked := run(t, "migrate", command, "--json")
		assert.Equal(t, map[string]int{"status": 1, "plan": 0}[command], asked.code, asked)
		missing := decoded(t, asked)
		assert.False(t, missing.InStep)
		assert.Len(t, missing.Schema.Steps, 4)
		assert.Contains(t, missing.Schema.Steps[0].Statements[0], "CREATE TABLE IF NOT EXISTS `nova`.`users`")
		assert.Len(t, missing.Topics.Steps, 13)
	}
	planned := run(t, "migrate", "plan")
	assert.Contains(t, planned.stdout, "ClickHouse schema: version 0 of 4\n  to do: 0001_cdc.sql\n    CREATE TABLE IF NOT EXISTS `nova`.`users`\n")
	assert.Contains(t, planned.stdout, "  to do: topic events: create (partitions 12, replication 2)\n")
	assert.Equal(t, "0", server.Query("SELECT count() FROM system.tables WHERE database = 'nova'"))

	done := run(t, "migrate")
	require.Zero(t, done.code, done)
	assert.Contains(t, done.stdout, "ClickHouse schema: version 4 of 4\n  done: 0001_cdc.sql\n")
	cluster.Produce(kafkatest.Record{Topic: "cdc.posts", Partition: 11, Value: []byte("{}")})

	status := run(t, "migrate", "status")
	assert.Equal(t, result{stdout: "ClickHouse schema: version 4 of 4\nKafka topics: as declared\n"}, status)
	again := decoded(t, run(t, "migrate", "apply", "--json"))
	assert.True(t, again.InStep)
	assert.Len(t, again.Schema.Applied, 4)
	assert.Empty(t, again.Schema.Steps)
}

// TestDriftOnOneSideStopsBoth holds that nothing is changed anywhere when a
// table or a topic is not what the files declare.
func TestDriftOnOneSideStopsBoth(t *testing.T) {
	t.Run("topic", func(t *testing.T) {
		server, _ := servers(t, kafkatest.Topic{Name: "events", Partitions: 3})
		refused := run(t, "migrate")
		assert.Equal(t, 1, refused.code)
		assert.Contains(t, refused.stdout, "differs: topic events has 3 partitions, declared are 12")
		assert.Contains(t, refused.stderr, "nothing was changed")
		assert.Equal(t, "0", server.Query("SELECT count() FROM system.tables WHERE database = 'nova'"))
	})
	t.Run("table", func(t *testing.T) {
		server, cluster := servers(t)
		require.Zero(t, run(t, "migrate").code)
		server.Exec("ALTER TABLE posts ADD COLUMN mood String")
		cluster.Restart()
		for _, command := range []string{"plan", "apply", "status"} {
			refused := run(t, "migrate", command, "--json")
			assert.Equal(t, 1, refused.code, command)
			assert.Equal(t, []string{`table posts has the column "mood String", which is not declared`}, decoded(t, refused).Schema.Drift)
		}
	})
}

// TestTwoMigrationsAtOnce holds that installers that start together both end
// well.
func TestTwoMigrationsAtOnce(t *testing.T) {
	servers(t)
	var installers sync.WaitGroup
	for range 2 {
		installers.Go(func() {
			done := run(t, "migrate")
			assert.Zero(t, done.code, done)
		})
	}
	installers.Wait()
	assert.Zero(t, run(t, "migrate", "status").code)
}

// TestMissingDatabaseIsMade holds that a server without the database gets one by
// apply and by nothing else.
func TestMissingDatabaseIsMade(t *testing.T) {
	servers(t)
	t.Setenv("CLICKHOUSE_DATABASE", "fresh")
	planned := run(t, "migrate", "plan")
	assert.Equal(t, 1, planned.code)
	assert.Contains(t, planned.stderr, "database fresh does not exist")
	require.Zero(t, run(t, "migrate").code)
	assert.Zero(t, run(t, "migrate", "status").code)
}

// TestUnreachableIsWaitedForAndNamed holds that a dependency which does not
// answer is waited for, with the reason in the log, and named in the end.
func TestUnreachableIsWaitedForAndNamed(t *testing.T) {
	t.Setenv("MIGRATE_TIMEOUT", "700ms")
	server, _ := servers(t)
	t.Setenv("KAFKA_BROKERS", "127.0.0.1:1")
	kafka := run(t, "migrate")
	assert.Equal(t, 1, kafka.code)
	assert.Contains(t, kafka.stderr, `"for":"Kafka at 127.0.0.1:1"`)
	assert.Contains(t, kafka.stderr, "jobs migrate: reaching Kafka at 127.0.0.1:1: no answer within 700ms: ")
	assert.Contains(t, kafka.stderr, "connection refused")

	t.Setenv("CLICKHOUSE_ADDR", "127.0.0.1:1")
	clickhouse := run(t, "migrate")
	assert.Contains(t, clickhouse.stderr, "jobs migrate: reaching ClickHouse at 127.0.0.1:1: no answer within 700ms: ")
	assert.Equal(t, "0", server.Query("SELECT count() FROM system.tables WHERE database = 'nova'"))
}

// TestCommandLine holds the exit codes and where help goes.
func TestCommandLine(t *testing.T) {
	help := run(t, "--help")
	assert.Zero(t, help.code)
	assert.Contains(t, help.stdout, "jobs migrate [plan|apply|status]")
	help = run(t, "migrate", "--help")
	assert.Zero(t, help.code)
	assert.Contains(t, help.stdout, "show what is applied")
	for _, args := range [][]string{{"frobnicate"}, {"config", "all"}, {"migrate", "frobnicate"}, {"migrate", "plan", "status"}, {"migrate", "--frobnicate"}} {
		wrong := run(t, args...)
		assert.Equal(t, 2, wrong.code, args)
		assert.Empty(t, wrong.stdout, args)
		assert.Contains(t, wrong.stderr, "jobs migrate [plan|apply|status]", args)
	}
	t.Setenv("CLICKHOUSE_MAX_CONNS", "none")
	t.Setenv("MIGRATE_TIMEOUT", "-1s")
	wrong := run(t, "migrate", "plan")
	assert.Equal(t, 1, wrong.code)
	assert.Contains(t, wrong.stderr, "CLICKHOUSE_MAX_CONNS")
}

// TestReadmeHoldsTheConfiguration holds that the table in README.md is the one
// that jobs config prints.
func TestReadmeHoldsTheConfiguration(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	printed := run(t, "config")
	require.Zero(t, printed.code)
	assert.Contains(t, string(readme), "<!-- config:begin -->\n"+printed.stdout+"<!-- config:end -->")

	var table bytes.Buffer
	require.NoError(t, config.WriteTable(&table, &jobs.Config{}))
	assert.Equal(t, table.String(), printed.stdout)
}
