package schema

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
)

var update = flag.Bool("update", false, "write the golden files and what each SQL file makes")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const retentionDays = 400

func openPool(t *testing.T, address string) *clickhouse.Pool {
	t.Helper()
	pool, err := clickhouse.Open(clickhouse.Config{
		Addr: []string{address}, Database: "nova", Username: "default", Compression: clickhouse.LZ4,
		DialTimeout: 10 * time.Second, Timeout: time.Minute, MaxConns: 4,
	}, clickhouse.Deps{Log: quiet(), Meter: noop.NewMeterProvider().Meter("")})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start returns a fresh server and a Migrator of it.
func start(t *testing.T) (*chtest.Server, *Migrator) {
	t.Helper()
	server := chtest.Start(t)
	return server, New(Config{PostEventsTTLDays: retentionDays}, openPool(t, server.Addr), quiet())
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run the test with -update and read the difference")
}

func rendered(t *testing.T, r renderer) []string {
	t.Helper()
	bootstrap, err := embedded.ReadFile("sql/schema_migrations.sql")
	require.NoError(t, err)
	known, err := files()
	require.NoError(t, err)
	all, err := r.statements("schema_migrations.sql", string(bootstrap))
	require.NoError(t, err)
	for _, file := range known {
		statements, err := r.statements(file.name, file.text)
		require.NoError(t, err)
		all = append(all, statements...)
	}
	return all
}

// TestBothFormsRender holds the SQL for one server and for a cluster, as a reader
// can check it, that the engine's parser takes it, and that in a cluster there
// is no table that is not replicated and no statement for one node only.
func TestBothFormsRender(t *testing.T) {
	server := chtest.Start(t)
	for name, cfg := range map[string]Config{
		"plain":   {PostEventsTTLDays: retentionDays},
		"cluster": {PostEventsTTLDays: retentionDays, Cluster: "{cluster}"},
	} {
		t.Run(name, func(t *testing.T) {
			statements := rendered(t, renderer{Config: cfg, database: "nova"})
			golden(t, filepath.Join("testdata", name+".sql"), []byte(strings.Join(statements, ";\n\n")+";\n"))
			for _, statement := range statements {
				server.Query("SELECT formatQuerySingleLine('" + strings.ReplaceAll(statement, "'", "\\'") + "')")
				if cfg.Cluster != "" {
					assert.Contains(t, statement, "ON CLUSTER `{cluster}`")
					assert.NotRegexp(t, `ENGINE = [^R]|ENGINE = Replacing`, statement)
				}
			}
		})
	}
}

// TestStatementsMayBeRepeated holds what makes concurrent and resumed applies
// safe: each statement does nothing where its effect is there already.
func TestStatementsMayBeRepeated(t *testing.T) {
	t.Parallel()
	repeatable := regexp.MustCompile(`^CREATE (TABLE|MATERIALIZED VIEW) IF NOT EXISTS |^DROP (TABLE|VIEW) IF EXISTS |^ALTER TABLE \S+ (ADD COLUMN IF NOT EXISTS|DROP COLUMN IF EXISTS) [^,]*$`)
	for _, statement := range rendered(t, renderer{Config: Config{PostEventsTTLDays: retentionDays}, database: "nova"}) {
		assert.Regexp(t, repeatable, statement)
	}
}

// TestFilesMakeWhatIsDeclared holds that the JSON beside each SQL file is what a
// real server makes of it; -update writes it.
func TestFilesMakeWhatIsDeclared(t *testing.T) {
	_, m := start(t)
	known, err := files()
	require.NoError(t, err)
	before := state{}
	for _, file := range known {
		statements, err := m.renderer.statements(file.name, file.text)
		require.NoError(t, err)
		require.NoError(t, m.run(t.Context(), Step{Name: file.name, Statements: statements}))
		after, err := live(t.Context(), m.pool)
		require.NoError(t, err)
		made := maps.Clone(after)
		maps.DeleteFunc(made, func(name string, now table) bool {
			was, ok := before[name]
			return ok && fmt.Sprint(was) == fmt.Sprint(now)
		})
		text, err := json.MarshalIndent(made, "", "  ")
		require.NoError(t, err)
		golden(t, filepath.Join(directory, stateName(file.name)), append(text, '\n'))
		before = after
	}
}

// TestApplyFromNothing holds the way of a new installation: every file, then
// nothing more to do, and Plan has told so before.
func TestApplyFromNothing(t *testing.T) {
	server, m := start(t)
	before, err := m.Plan(t.Context())
	require.NoError(t, err)
	assert.Empty(t, before.Applied)
	assert.Empty(t, before.Drift)
	assert.Len(t, before.Steps, Latest())
	assert.Equal(t, "0", server.Query("SELECT count() FROM system.tables WHERE database = 'nova'"), "a plan changes nothing")

	applied, err := m.Apply(t.Context())
	require.NoError(t, err)
	assert.Len(t, applied.Steps, Latest())
	after, err := m.Apply(t.Context())
	require.NoError(t, err)
	assert.Empty(t, after.Steps)
	require.Len(t, after.Applied, Latest())
	assert.Equal(t, "0001_cdc.sql", after.Applied[0].Name)
	assert.WithinDuration(t, time.Now(), after.Applied[0].AppliedAt, time.Minute)
}

// TestConcurrentAppliesAgree holds that several installers at once leave one
// schema, each file recorded, and none of them fails.
func TestConcurrentAppliesAgree(t *testing.T) {
	server, m := start(t)
	var installers sync.WaitGroup
	for range 4 {
		installers.Go(func() {
			_, err := m.Apply(t.Context())
			assert.NoError(t, err)
		})
	}
	installers.Wait()
	assert.Equal(t, strconv.Itoa(Latest()), server.Query("SELECT count() FROM schema_migrations FINAL"))
	plan, err := m.Plan(t.Context())
	require.NoError(t, err)
	assert.Empty(t, plan.Steps)
	assert.Empty(t, plan.Drift)
}

// TestDriftIsRefused holds that a database which is not what the files made is
// left alone, and that the difference is named.
func TestDriftIsRefused(t *testing.T) {
	cases := []struct{ change, want string }{
		{"ALTER TABLE posts ADD COLUMN mood String", `table posts has the column "mood String", which is not declared`},
		{"ALTER TABLE post_events MODIFY COLUMN device_id Nullable(String)", `table post_events has the column "device_id Nullable(String)", declared is "device_id String"`},
		{"ALTER TABLE posts DROP COLUMN image_key", "table posts lacks column image_key"},
		{"ALTER TABLE users MODIFY COLUMN username Nullable(String)", `table users has the column "username Nullable(String)", declared is "username String"`},
		{"DROP TABLE likes", "table likes is missing"},
		{"DROP VIEW post_engagement_hourly_mv", "table post_engagement_hourly_mv is missing"},
		{
			"ALTER TABLE user_followers_current_mv MODIFY QUERY SELECT followee_id, follower_id, id, status, created_at, version, is_deleted FROM nova.user_relationships WHERE status = 'active'",
			"table user_followers_current_mv has the query",
		},
		{"DROP TABLE comments; CREATE TABLE comments (id UUID) ENGINE = MergeTree ORDER BY tuple()", `table comments has the engine "MergeTree", declared is "ReplacingMergeTree(version, is_deleted)"`},
		{"INSERT INTO schema_migrations SELECT version, name, 'another', now64(3) + 1 FROM schema_migrations WHERE version = 2", "0002_events.sql was applied with checksum another"},
		{"ALTER TABLE schema_migrations DELETE WHERE version = 2 SETTINGS mutations_sync = 1", "version 3 is recorded, but version 2 is not"},
	}
	for _, c := range cases {
		t.Run(c.want, func(t *testing.T) {
			server, m := start(t)
			_, err := m.Apply(t.Context())
			require.NoError(t, err)
			for statement := range strings.SplitSeq(c.change, "; ") {
				server.Exec(statement)
			}
			before, err := live(t.Context(), m.pool)
			require.NoError(t, err)

			_, err = m.Apply(t.Context())
			var drift *DriftError
			require.ErrorAs(t, err, &drift)
			assert.Contains(t, err.Error(), c.want)
			after, err := live(t.Context(), m.pool)
			require.NoError(t, err)
			assert.Equal(t, before, after)
		})
	}
}

// TestOperatorsChoicesAreNoDrift holds that codecs, settings, retention and
// tables of the user's own do not stop a migration.
func TestOperatorsChoicesAreNoDrift(t *testing.T) {
	server, m := start(t)
	_, err := m.Apply(t.Context())
	require.NoError(t, err)
	server.Exec("ALTER TABLE posts MODIFY COLUMN caption Nullable(String) CODEC(LZ4)")
	server.Exec("ALTER TABLE post_events MODIFY SETTING non_replicated_deduplication_window = 200000")
	server.Exec("ALTER TABLE post_engagement_minutely MODIFY TTL minute + toIntervalDay(3)")
	server.Exec("CREATE TABLE my_own (id UInt8) ENGINE = Memory")
	plan, err := m.Plan(t.Context())
	require.NoError(t, err)
	assert.Empty(t, plan.Drift)
	assert.Empty(t, plan.Steps)
}

// TestInterruptedApplyResumes holds that a file which failed half way is not
// recorded, and is completed by the next Apply.
func TestInterruptedApplyResumes(t *testing.T) {
	server, m := start(t)
	server.Exec("CREATE TABLE likes (id UUID) ENGINE = MergeTree ORDER BY id")
	_, err := m.Apply(t.Context())
	require.ErrorContains(t, err, "applying 0001_cdc.sql")
	require.ErrorContains(t, err, "table likes lacks column post_id")
	assert.Equal(t, "0", server.Query("SELECT count() FROM schema_migrations"))
	assert.Equal(t, "1", server.Query("SELECT count() FROM system.tables WHERE database = 'nova' AND name = 'users'"))

	server.Exec("DROP TABLE likes SYNC")
	_, err = m.Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, strconv.Itoa(Latest()), server.Query("SELECT max(version) FROM schema_migrations"))
}

// TestUpgradeKeepsRows holds that an installation of the first release comes to the
// newest with its rows, also when the upgrade was cut off before it was recorded,
// and that a writer of before goes on until it is replaced.
func TestUpgradeKeepsRows(t *testing.T) {
	server, m := start(t)
	const first = 3
	bootstrap, err := embedded.ReadFile("sql/schema_migrations.sql")
	require.NoError(t, err)
	statements, err := m.renderer.statements("schema_migrations.sql", string(bootstrap))
	require.NoError(t, err)
	require.NoError(t, m.run(t.Context(), Step{Statements: statements}))
	known, err := files()
	require.NoError(t, err)
	for _, file := range known[:first] {
		statements, err = m.renderer.statements(file.name, file.text)
		require.NoError(t, err)
		require.NoError(t, m.apply(t.Context(), Step{Statements: statements, file: &file}))
	}
	const old = "INSERT INTO post_events (event_id, event_type, event_time, device, app_ver) VALUES (generateUUIDv4(), 'post_view', now(), 'ios', '4.12.0')"
	server.Exec(old)
	statements, err = m.renderer.statements(known[first].name, known[first].text)
	require.NoError(t, err)
	require.NoError(t, m.run(t.Context(), Step{Statements: statements}))

	plan, err := m.Apply(t.Context())
	require.NoError(t, err)
	assert.Len(t, plan.Steps, Latest()-first)
	server.Exec(old)
	assert.Equal(t, "2\t2", server.Query("SELECT count(), countIf(device_id = '') FROM post_events WHERE device = 'ios' AND app_ver = '4.12.0'"))
	assert.Equal(t, "2", server.Query("SELECT sum(views) FROM post_engagement_hourly"))
}

// TestNewerDatabaseIsLeftAlone holds that an older release neither undoes nor
// judges what a newer one has applied.
func TestNewerDatabaseIsLeftAlone(t *testing.T) {
	server, m := start(t)
	_, err := m.Apply(t.Context())
	require.NoError(t, err)
	server.Exec(fmt.Sprintf("INSERT INTO schema_migrations VALUES (%d, 'later.sql', 'later', now64(3))", Latest()+1))
	server.Exec("ALTER TABLE posts ADD COLUMN mood String")
	plan, err := m.Apply(t.Context())
	require.NoError(t, err)
	assert.Empty(t, plan.Steps)
	assert.Len(t, plan.Applied, Latest()+1)
}

// TestRetentionFollowsTheConfiguration holds that another number of days is
// applied to a table that exists, and that a TTL made by hand is kept.
func TestRetentionFollowsTheConfiguration(t *testing.T) {
	server, m := start(t)
	_, err := m.Apply(t.Context())
	require.NoError(t, err)
	m.renderer.PostEventsTTLDays = 30
	plan, err := m.Apply(t.Context())
	require.NoError(t, err)
	require.Len(t, plan.Steps, 1)
	assert.Equal(t, "post_events keeps events for 30 days, not 400", plan.Steps[0].Name)
	assert.Contains(t, server.Query("SHOW CREATE TABLE post_events"), "toIntervalDay(30)")

	server.Exec("ALTER TABLE post_events MODIFY TTL toDateTime(event_time) + toIntervalYear(5)")
	plan, err = m.Apply(t.Context())
	require.NoError(t, err)
	assert.Empty(t, plan.Steps)
}

// TestEngineOf holds how an engine is read in either form.
func TestEngineOf(t *testing.T) {
	t.Parallel()
	cases := []struct{ engine, full, want string }{
		{"MaterializedView", "", "MaterializedView"},
		{"ReplacingMergeTree", "ReplacingMergeTree PARTITION BY toYYYYMM(t) ORDER BY id TTL t + toIntervalDay(1) SETTINGS index_granularity = 8192", "ReplacingMergeTree"},
		{"ReplacingMergeTree", "ReplacingMergeTree(version, is_deleted) ORDER BY id SETTINGS index_granularity = 8192", "ReplacingMergeTree(version, is_deleted)"},
		{"ReplicatedReplacingMergeTree", "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', version, is_deleted) ORDER BY id", "ReplacingMergeTree(version, is_deleted)"},
		{"ReplicatedReplacingMergeTree", `ReplicatedReplacingMergeTree('/a/it\'s', 'r') ORDER BY id`, "ReplacingMergeTree"},
		{"ReplicatedSummingMergeTree", "ReplicatedSummingMergeTree('/a', 'r', (views, likes)) PRIMARY KEY a ORDER BY (a, b)", "SummingMergeTree((views, likes))"},
	}
	for _, c := range cases {
		assert.Equal(t, c.want, engineOf(c.engine, c.full))
	}
}

// TestConfigIsValidated holds what a cluster may be called and that retention is
// positive.
func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	require.NoError(t, Config{PostEventsTTLDays: 1, Cluster: "{cluster}"}.Validate())
	err := Config{Cluster: "a`b"}.Validate()
	require.ErrorContains(t, err, "CLUSTER")
	require.ErrorContains(t, err, "POST_EVENTS_TTL_DAYS")
}

// TestEachFileDeclaresTables holds that no table is declared without columns.
func TestEachFileDeclaresTables(t *testing.T) {
	t.Parallel()
	want, err := declared(Latest())
	require.NoError(t, err)
	assert.Equal(t, []string{
		"cdc_truncates", "comments", "likes", "post_engagement_hourly", "post_engagement_hourly_mv", "post_engagement_minutely",
		"post_engagement_minutely_mv", "post_events", "posts", "user_followers_current", "user_followers_current_mv",
		"user_relationships", "user_relationships_current", "user_relationships_current_mv", "users",
	}, slices.Sorted(maps.Keys(want)))
	for name, table := range want {
		assert.NotEmpty(t, table.Columns, name)
		assert.NotEmpty(t, table.Engine, name)
	}
}

func decimal(value int64) string { return strconv.FormatInt(value, 10) }
