package parts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
)

// nova returns a database with the schema applied twice: it is applied at every
// start.
func nova(t *testing.T) *pgx.Conn {
	t.Helper()
	server := pgtest.Start(t)
	l := workspace(t, layout.Config{PostgresDSN: config.Secret(server.DSN)})
	require.False(t, l.Postgres.Own)
	require.NoError(t, applySQL(t.Context(), l))
	require.NoError(t, applySQL(t.Context(), l))
	return server.Connect()
}

func column(t *testing.T, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	require.NoError(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return values
}

// The schema gives change data capture what it needs: whole old rows where a
// delete must tell what it was, and whole tables.
func TestReplication(t *testing.T) {
	conn := nova(t)
	require.Equal(t, []string{"comments f", "debezium_signal d", "follows f", "job_definitions d", "likes f", "posts f", "users d"},
		column(t, conn, `SELECT relname || ' ' || relreplident::text FROM pg_class
			WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`))

	require.Empty(t, column(t, conn, `SELECT prrelid::regclass::text FROM pg_publication_rel WHERE prattrs IS NOT NULL`),
		"a column list makes the connector mistake columns after a snapshot by signal")
}

// The rows that the app writes fit, those that break its rules do not, and
// updated_at follows every change.
func TestSchema(t *testing.T) {
	conn := nova(t)
	exec := func(sql string) error {
		_, err := conn.Exec(t.Context(), sql)
		return err
	}
	require.NoError(t, exec(`INSERT INTO users (email, username, password_hash) VALUES ('a@x', 'ada', 'h'), ('b@x', 'bob', 'h')`))
	require.NoError(t, exec(`INSERT INTO posts (user_id, image_key) SELECT id, 'img/1' FROM users WHERE username = 'ada'`))
	require.NoError(t, exec(`INSERT INTO comments (post_id, user_id, content) SELECT p.id, p.user_id, 'first' FROM posts p`))
	require.NoError(t, exec(`INSERT INTO comments (post_id, user_id, parent_comment_id, content) SELECT post_id, user_id, id, 'reply' FROM comments`))
	require.NoError(t, exec(`INSERT INTO likes (post_id, user_id) SELECT p.id, u.id FROM posts p, users u`))
	require.NoError(t, exec(`INSERT INTO follows (follower_id, following_id) SELECT a.id, b.id FROM users a, users b WHERE a.id <> b.id`))
	require.NoError(t, exec(`INSERT INTO job_definitions (name, kind, schedule) VALUES ('trending-2h', 'trending', '@every 60s')`))

	for name, sql := range map[string]string{
		"second like":   `INSERT INTO likes (post_id, user_id) SELECT post_id, user_id FROM likes`,
		"second follow": `INSERT INTO follows (follower_id, following_id) SELECT follower_id, following_id FROM follows`,
		"self follow":   `INSERT INTO follows (follower_id, following_id) SELECT id, id FROM users`,
		"same name":     `INSERT INTO users (email, username, password_hash) VALUES ('c@x', 'ada', 'h')`,
		"no status":     `UPDATE posts SET status = 'lost'`,
		"orphan":        `INSERT INTO posts (user_id, image_key) VALUES (gen_random_uuid(), 'img/2')`,
	} {
		require.Error(t, exec(sql), name)
	}

	require.NoError(t, exec(`UPDATE posts SET caption = 'new', soft_delete = now()`))
	require.Equal(t, []string{"true"}, column(t, conn, `SELECT (updated_at > created_at)::text FROM posts`))
	require.NoError(t, exec(`DELETE FROM users WHERE username = 'ada'`))
	require.Equal(t, []string{"0"}, column(t, conn, `SELECT count(*)::text FROM comments`), "what hangs on a user goes with it")
}

// A TRUNCATE that would stop the connector for good is refused, with the way to
// do the same; that of a table whose topic is not compacted is not.
func TestTruncateOfJobsIsRefused(t *testing.T) {
	conn := nova(t)
	_, err := conn.Exec(t.Context(), `TRUNCATE job_definitions`)
	require.ErrorContains(t, err, "TRUNCATE of job_definitions is refused")
	_, err = conn.Exec(t.Context(), `DELETE FROM job_definitions`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `TRUNCATE likes`)
	require.NoError(t, err)
}

// A database begins with the three trending jobs, and a start takes back nothing
// that was changed about them.
func TestJobs(t *testing.T) {
	server := pgtest.Start(t)
	l := workspace(t, layout.Config{PostgresDSN: config.Secret(server.DSN)})
	require.NoError(t, applySQL(t.Context(), l))
	conn := server.Connect()
	const jobs = `SELECT concat_ws(' ', name, kind, schedule, enabled, params->>'window', params->>'top_k') FROM job_definitions ORDER BY name`
	require.Equal(t, []string{
		"trending-1h trending @every 15s t 1h 100",
		"trending-24h trending @every 60s t 24h 100",
		"trending-7d trending @every 5m t 7d 100",
	}, column(t, conn, jobs))

	server.Exec(`UPDATE job_definitions SET schedule = '@every 2m', params = '{"window": "1h", "top_k": 7}' WHERE name = 'trending-1h'`)
	server.Exec(`UPDATE job_definitions SET enabled = false WHERE name = 'trending-7d'`)
	changed := column(t, conn, jobs)
	require.NoError(t, applySQL(t.Context(), l))
	require.Equal(t, changed, column(t, conn, jobs))
}

// connectorConfig is the configuration in tilt/debezium.
func connectorConfig(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(workspace(t, layout.Config{}).Root, "tilt", "debezium", "nova.json"))
	require.NoError(t, err)
	var file struct {
		Name   string            `json:"name"`
		Config map[string]string `json:"config"`
	}
	require.NoError(t, json.Unmarshal(content, &file))
	require.Equal(t, connector, file.Name)
	return file.Config
}

// The settings that the pipeline's guarantees rest on stay as they are.
func TestConnectorSettings(t *testing.T) {
	cfg := connectorConfig(t)
	for key, want := range map[string]string{
		"plugin.name":                 "pgoutput",
		"publication.autocreate.mode": "disabled",
		"snapshot.mode":               "initial",
		"skipped.operations":          "none", // truncates arrive
		"tombstones.on.delete":        "true",
		"decimal.handling.mode":       "string", // NaN arrives
		// As much as the topics take: a record too large stops the connector.
		"producer.override.max.request.size": "8388608",
		"extended.headers.enabled":           "false",
		"key.converter":                      "org.apache.kafka.connect.json.JsonConverter",
		"value.converter":                    "org.apache.kafka.connect.json.JsonConverter",
	} {
		require.Equal(t, want, cfg[key], key)
	}
	require.Equal(t, "route", cfg["transforms"], "the envelope is not flattened")
	for key, value := range cfg {
		require.NotContains(t, value, "ExtractNewRecordState", key)
		if strings.HasPrefix(key, "database.") {
			require.Regexp(t, `^\$\{env:POSTGRES_[A-Z]+\}$`, value, "nothing of one installation is in the file")
		}
	}
}

// leftOut returns the columns that the connector's list does not let through.
func leftOut(t *testing.T, cfg map[string]string, columns []string) []string {
	t.Helper()
	var patterns []*regexp.Regexp
	for pattern := range strings.SplitSeq(cfg["column.include.list"], ",") {
		patterns = append(patterns, regexp.MustCompile("^(?i:"+strings.TrimSpace(pattern)+")$"))
	}
	var out []string
	for _, name := range columns {
		if !slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(name) }) {
			out = append(out, name)
		}
	}
	return out
}

// The connector reads what the publication streams, neither more nor less, keeps
// the secrets out of its snapshots too, and routes each table to its topic.
func TestConnectorFitsTheSchema(t *testing.T) {
	conn, cfg := nova(t), connectorConfig(t)
	included := strings.Split(cfg["table.include.list"], ",")
	slices.Sort(included)
	require.Equal(t, column(t, conn, `SELECT schemaname || '.' || tablename FROM pg_publication_tables
		WHERE pubname = '`+cfg["publication.name"]+`' ORDER BY 1`), included)
	require.Contains(t, included, cfg["signal.data.collection"])
	require.Equal(t, []string{"public.users.email", "public.users.password_hash"}, leftOut(t, cfg, column(t, conn,
		`SELECT table_schema || '.' || table_name || '.' || column_name FROM information_schema.columns
			WHERE table_schema = 'public' ORDER BY 1`)), "a new column is let through or left out on purpose")

	route := regexp.MustCompile("^" + cfg["transforms.route.regex"] + "$")
	for _, table := range included {
		name := strings.TrimPrefix(table, "public.")
		topic := route.ReplaceAllString(cfg["topic.prefix"]+"."+table, cfg["transforms.route.replacement"])
		require.Equal(t, "cdc."+name, topic)
	}
	require.False(t, route.MatchString("__debezium-heartbeat.nova"))
	require.False(t, route.MatchString("nova.transaction"))
}

// A database that cannot be captured is refused with what to change.
func TestWrongDatabase(t *testing.T) {
	l := workspace(t, layout.Config{PostgresDSN: "postgres://u@127.0.0.1:1/nova?sslmode=disable"})
	require.ErrorContains(t, applySQL(t.Context(), l), "127.0.0.1:1")
}
