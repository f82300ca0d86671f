package cdc

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/process"
	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

const (
	group   = "nova-cdc-ingest"
	letters = "cdc-dlq"
	signals = "cdc.debezium_signal"

	recordWithin = time.Minute
	// capturedWithin is how long the connector may need for all that was written.
	capturedWithin = 5 * time.Minute
	stopWithin     = 20 * time.Second
	quietFor       = 300 * time.Millisecond
)

// world is the stack, the service and what is expected of them.
type world struct {
	stack *stacktest.Stack
	kafka *kafkaio.Client
	seed  uint64

	db     *pgx.Conn
	ingest *process.Replica
	epochs []string // topic prefixes, the newest last

	// due counts the dead letters there must be by now, by reason.
	due map[string]int
	// dropped are columns, as table.column, that PostgreSQL has no more.
	dropped map[string]bool
	// planted is text that must never leave PostgreSQL, shown is text that does.
	planted, shown string
	// gone is text of rows that are deleted.
	gone string
}

// start starts the servers, then cdc-ingest.
func start(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		stack: stacktest.New(t, "./services/cdc-ingest/cmd/cdc-ingest"), seed: seed,
		epochs: []string{"nova"}, due: map[string]int{}, dropped: map[string]bool{},
		planted: random(40), shown: random(40), gone: random(40),
	}
	w.stack.Run(t, "up", "--services=false")
	w.stack.LoadVars(t)
	w.kafka = kafkaio.New(w.stack.Brokers())
	t.Cleanup(w.kafka.Close)
	w.db = w.stack.Connect(t)
	t.Cleanup(func() { _ = w.db.Close(context.Background()) })
	w.startIngest(t)
	t.Cleanup(func() { w.ingest.Close() })
	return w
}

// random is text that no compressor shortens much.
func random(length int) string {
	text := ""
	for len(text) < length {
		text += strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	return text[:length]
}

// startIngest starts cdc-ingest with variables of its own in addition.
func (w *world) startIngest(t *testing.T, variables ...string) {
	t.Helper()
	ingest, err := process.Keep(process.Spec{
		Name: "cdc-ingest", Path: w.program(), Env: w.environment(variables...),
		Dir: w.stack.Dir, Log: filepath.Join(w.stack.Dir, "logs", "cdc-ingest.log"),
	})
	require.NoError(t, err)
	w.ingest = ingest
}

func (w *world) program() string { return filepath.Join(w.stack.Bin, "cdc-ingest") }

func (w *world) environment(variables ...string) []string {
	epochs := make([]string, 0, len(w.epochs))
	for epoch, prefix := range w.epochs {
		epochs = append(epochs, fmt.Sprintf("%s:%d", prefix, epoch))
	}
	return append([]string{
		"PATH=" + os.Getenv("PATH"),
		"KAFKA_BROKERS=" + w.stack.Vars["KAFKA_BROKERS"],
		"CLICKHOUSE_ADDR=" + w.stack.Vars["CLICKHOUSE_ADDR"],
		"REDIS_ADDR=" + w.stack.Vars["REDIS_ADDR"],
		"POSTGRES_DSN=" + w.stack.Vars["POSTGRES_DSN"],
		"ADMIN_ADDR=" + strings.TrimPrefix(w.stack.Vars["CDC_INGEST_ADMIN"], "http://"),
		"CDC_EPOCHS=" + strings.Join(epochs, ","),
		"SESSION_TIMEOUT=6s", "BATCH_AGE=100ms", "FETCH_WAIT=100ms",
	}, variables...)
}

// stopIngest ends cdc-ingest in order, once it runs: before, it does not know of
// signals.
func (w *world) stopIngest(t *testing.T) {
	t.Helper()
	stacktest.Await(t, recordWithin, func() bool {
		status, _, err := stacktest.Get(w.stack.Vars["CDC_INGEST_ADMIN"] + "/readyz")
		return err == nil && status == http.StatusOK
	}, func() string { return "cdc-ingest is not ready" })
	require.NoError(t, w.ingest.Stop(stopWithin))
	require.Empty(t, w.ingest.Problems())
}

// killIngest ends cdc-ingest as a crash does, and waits until it runs again.
func (w *world) killIngest(t *testing.T) {
	t.Helper()
	killed := w.ingest.Process()
	killed.Kill()
	stacktest.Await(t, recordWithin, func() bool { return w.ingest.Process() != killed }, func() string { return "cdc-ingest is not started again" })
}

// restartIngest does something while cdc-ingest is away.
func (w *world) restartIngest(t *testing.T, meanwhile func(), variables ...string) {
	t.Helper()
	w.stopIngest(t)
	defer w.startIngest(t, variables...)
	meanwhile()
}

// exec executes a statement, and reconnects when the server was away.
func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if w.db.IsClosed() {
		w.db = w.stack.Connect(t)
	}
	_, err := w.db.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

// begin opens a transaction on a connection of its own.
func (w *world) begin(t *testing.T) pgx.Tx {
	t.Helper()
	db := w.stack.Connect(t)
	t.Cleanup(func() { _ = db.Close(context.Background()) })
	tx, err := db.Begin(t.Context())
	require.NoError(t, err)
	return tx
}

func execIn(t *testing.T, tx pgx.Tx, sql string, args ...any) {
	t.Helper()
	_, err := tx.Exec(t.Context(), sql, args...)
	require.NoError(t, err, sql)
}

// user adds a user, with the planted text where nobody may see it.
func (w *world) user(t *testing.T) (id string) {
	t.Helper()
	id = uuid.NewString()
	name := "u" + strings.ReplaceAll(id, "-", "")
	w.exec(t, `INSERT INTO users (id, email, username, password_hash, bio) VALUES ($1, $2, $3, $4, $5)`,
		id, name+"@"+w.planted, name, w.planted, w.shown)
	return id
}

func (w *world) post(t *testing.T, user string) (id string) {
	t.Helper()
	id = uuid.NewString()
	w.exec(t, `INSERT INTO posts (id, user_id, caption, image_key) VALUES ($1, $2, 'first', 'img/1.jpg')`, id, user)
	return id
}

func (w *world) follow(t *testing.T, from, to string) (id string) {
	t.Helper()
	id = uuid.NewString()
	w.exec(t, `INSERT INTO follows (id, follower_id, following_id) VALUES ($1, $2, $3)`, id, from, to)
	return id
}

// signal tells the connector what to do.
func (w *world) signal(t *testing.T, kind, data string) (id string) {
	t.Helper()
	id = uuid.NewString()
	w.exec(t, `INSERT INTO debezium_signal VALUES ($1, $2, $3)`, id, kind, data)
	return id
}

func (w *world) snapshot(t *testing.T, kind string, tables ...string) {
	t.Helper()
	for i, table := range tables {
		tables[i] = `"public.` + table + `"`
	}
	w.signal(t, "execute-snapshot", fmt.Sprintf(`{"data-collections": [%s], "type": %q}`, strings.Join(tables, ", "), kind))
}

// awaitCaptured returns when all that was committed in PostgreSQL is on Kafka.
// What the connector read before a mark may be written after it, to another
// partition: it has come when nothing comes any more.
func (w *world) awaitCaptured(t *testing.T) {
	t.Helper()
	from := w.ends(t, signals)
	id := w.signal(t, "log", `{"message": "so far"}`)
	w.awaitRecord(t, signals, from, capturedWithin, func(r kafkaio.Record) bool { return strings.Contains(string(r.Value), id) })
	last, quiet := "", time.Now()
	stacktest.Await(t, recordWithin, func() bool {
		var ends [][]int64
		for _, table := range tables() {
			ends = append(ends, w.ends(t, table.topic()))
		}
		if now := fmt.Sprint(ends); now != last {
			last, quiet = now, time.Now()
		}
		return time.Since(quiet) > quietFor
	}, func() string { return "records keep coming" })
}

func (w *world) ends(t *testing.T, topic string) []int64 {
	t.Helper()
	ends, err := w.kafka.Ends(t.Context(), topic)
	require.NoError(t, err)
	return ends
}

// records are those of a topic from the given offsets on.
func (w *world) records(t *testing.T, topic string, from []int64) []kafkaio.Record {
	t.Helper()
	var all []kafkaio.Record
	for partition, end := range w.ends(t, topic) {
		records, err := w.kafka.Read(t.Context(), topic, partition, from[partition], end)
		require.NoError(t, err)
		all = append(all, records...)
	}
	return all
}

// fromStart are the offsets of a topic's first records.
func (w *world) fromStart(t *testing.T, topic string) []int64 {
	t.Helper()
	return make([]int64, len(w.ends(t, topic)))
}

func (w *world) awaitRecord(t *testing.T, topic string, from []int64, within time.Duration, matches func(kafkaio.Record) bool) {
	t.Helper()
	stacktest.Await(t, within, func() bool {
		for _, r := range w.records(t, topic, from) {
			if matches(r) {
				return true
			}
		}
		return false
	}, func() string { return "the record has not come on " + topic })
}

// awaitSnapshotOf returns when a snapshot's row has come behind from.
func (w *world) awaitSnapshotOf(t *testing.T, table, id string, from []int64) {
	t.Helper()
	w.awaitRecord(t, "cdc."+table, from, recordWithin, func(r kafkaio.Record) bool {
		return strings.Contains(string(r.Key), id) && strings.Contains(string(r.Value), `"op":"r"`)
	})
}

// rewind commits the start of every topic, so that all is read again.
func (w *world) rewind(t *testing.T, variables ...string) {
	t.Helper()
	w.restartIngest(t, func() {
		for _, table := range tables() {
			w.stack.Commit(t, group, table.topic(), w.fromStart(t, table.topic()))
		}
	}, variables...)
}

// clear empties all that a failed scenario has left.
func (w *world) clear(t *testing.T) {
	t.Helper()
	_ = w.db.Close(context.Background())
	w.db = w.stack.Connect(t)
	for _, sql := range []string{
		"DELETE FROM users",
		"ALTER TABLE follows REPLICA IDENTITY FULL",
		"ALTER TABLE users DROP COLUMN IF EXISTS nickname",
		"ALTER TABLE posts ADD COLUMN IF NOT EXISTS soft_delete timestamptz, DROP COLUMN IF EXISTS mood, DROP COLUMN IF EXISTS rating",
		"ALTER TABLE comments ALTER created_at DROP DEFAULT, ALTER created_at TYPE timestamptz USING created_at::timestamptz, ALTER created_at SET DEFAULT now()",
	} {
		w.exec(t, sql)
	}
	clear(w.dropped)
	w.awaitCaptured(t)
	w.ingest.Close()
	for _, table := range tables() {
		w.stack.Commit(t, group, table.topic(), w.ends(t, table.topic()))
	}
	for _, table := range []string{"users", "posts", "comments", "likes", "user_relationships", "user_relationships_current", "user_followers_current", "cdc_truncates"} {
		_, err := w.stack.ClickHouse("TRUNCATE TABLE " + table)
		require.NoError(t, err)
	}
	w.due = maps.Clone(w.buried(t))
	w.startIngest(t)
}
