package traffic

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
)

func fast() Config {
	return Config{Seed: 7, Users: 20, EventsPerSecond: 3000, ChangesPerSecond: 1500, Grace: 10 * time.Second}
}

// started is a Run that a test ends.
type started struct {
	t      *testing.T
	ledger *Ledger
	cancel context.CancelFunc
	result chan error
}

func start(t *testing.T, cfg Config, dsn, url string) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &started{t: t, ledger: NewLedger(time.Now()), cancel: cancel, result: make(chan error, 1)}
	go func() {
		r.result <- Run(ctx, cfg, Deps{EventsURL: url, PostgresDSN: dsn, Ledger: r.ledger, Log: quiet()})
	}()
	return r
}

// until waits for the counters to say so.
func (r *started) until(enough func(Counters) bool) {
	r.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !enough(r.ledger.Counters()) {
		select {
		case <-tick.C:
		case err := <-r.result:
			r.t.Fatalf("traffic ended: %v", err)
		case <-deadline:
			r.t.Fatalf("still waiting: %+v", r.ledger.Counters())
		}
	}
}

func (r *started) stop() {
	r.t.Helper()
	r.cancel()
	require.NoError(r.t, <-r.result)
}

// The traffic goes on over every trouble of the API and crashes of PostgreSQL;
// at the end the ledger is exact, and every table has seen additions.
func TestRunOverTroubles(t *testing.T) {
	server := pgtest.StartNova(t)
	api := newEventsAPI(t, accepted, accepted, reset, accepted, stored503, answer(http.StatusServiceUnavailable),
		accepted, lostAnswer, answer(http.StatusTooManyRequests, "Retry-After", "0"))
	run := start(t, fast(), server.DSN, api.URL)

	run.until(func(c Counters) bool { return c.Changes > 500 && c.Events > 200 })
	for range 2 {
		server.Kill()
		server.Restart()
		before := run.ledger.Counters().Changes
		run.until(func(c Counters) bool { return c.Changes > before+100 })
	}
	run.stop()

	api.requireExact(run.ledger)
	counters := run.ledger.Counters()
	assert.NotZero(t, counters.Duplicates)
	assert.NotZero(t, counters.Repeats)
	conn := server.Connect()
	for _, table := range []string{"users", "posts", "comments", "likes", "follows"} {
		assert.NotZero(t, count(t, conn, "SELECT count(*) FROM "+table), table)
	}
	assert.NotZero(t, count(t, conn, "SELECT count(*) FROM comments WHERE parent_comment_id IS NOT NULL"), "replies")
}

// A second run with the same seed goes on with what the first one left.
func TestRunContinues(t *testing.T) {
	server := pgtest.StartNova(t)
	api := newEventsAPI(t)
	conn := server.Connect()
	enough := func(c Counters) bool { return c.Changes > 400 && c.Events > 100 }

	first := start(t, fast(), server.DSN, api.URL)
	first.until(enough)
	first.stop()
	likes := count(t, conn, "SELECT count(*) FROM likes")

	second := start(t, fast(), server.DSN, api.URL)
	second.until(enough)
	second.stop()
	assert.Greater(t, count(t, conn, "SELECT count(*) FROM likes"), likes)
	assert.Less(t, count(t, conn, "SELECT count(*) FROM users"), int64(40), "signed up twice")
	for id := range second.ledger.Accepted() {
		require.Equal(t, FateForeign, first.ledger.Fate(id))
	}
}

// Someone else's changes to the same data do not end the traffic.
func TestRunBesideOtherWriters(t *testing.T) {
	server := pgtest.StartNova(t)
	api := newEventsAPI(t)
	run := start(t, fast(), server.DSN, api.URL)
	run.until(func(c Counters) bool { return c.Changes > 300 })
	server.Exec("DELETE FROM posts; DELETE FROM users WHERE id IN (SELECT id FROM users LIMIT 10)")
	before := run.ledger.Counters().Changes
	run.until(func(c Counters) bool { return c.Changes > before+150 })
	run.stop()
}

// Bodies outstanding at the end are delivered within the grace; after it they
// are of unknown fate, and the run ends all the same.
func TestRunEndsWhileTheAPIIsAway(t *testing.T) {
	server := pgtest.StartNova(t)
	api := newEventsAPI(t, stored503)
	cfg := fast()
	cfg.Grace = 200 * time.Millisecond
	run := start(t, cfg, server.DSN, api.URL)
	run.until(func(c Counters) bool { return c.Repeats > 3 })
	run.stop()
	assert.Zero(t, run.ledger.Counters().Events)
	assert.Positive(t, api.events())
	api.requireExact(run.ledger)
}

// A refused body is a defect of the generator or of the API: it ends the run
// with what the API said.
func TestRunEndsWithARefusal(t *testing.T) {
	server := pgtest.StartNova(t)
	api := newEventsAPI(t, answer(http.StatusBadRequest))
	err := Run(t.Context(), fast(), Deps{EventsURL: api.URL, PostgresDSN: server.DSN, Ledger: NewLedger(time.Now()), Log: quiet()})
	var refused *eventsapi.RefusedError
	require.ErrorAs(t, err, &refused)
}

// A database without Nova's tables is reported, not retried for ever.
func TestRunEndsWithoutTheSchema(t *testing.T) {
	server := pgtest.Start(t)
	err := Run(t.Context(), fast(), Deps{EventsURL: "http://127.0.0.1:1", PostgresDSN: server.DSN, Ledger: NewLedger(time.Now()), Log: quiet()})
	require.ErrorContains(t, err, `relation "users" does not exist`)
}

// An address that cannot be one is reported, not retried for ever.
func TestRunEndsWithoutAnAddress(t *testing.T) {
	err := Run(t.Context(), fast(), Deps{PostgresDSN: "postgres://127.0.0.1:port", Ledger: NewLedger(time.Now()), Log: quiet()})
	require.ErrorContains(t, err, "reading the address of PostgreSQL")
}

// Every bound of the configuration is checked, and all problems are named.
func TestConfigValidate(t *testing.T) {
	require.NoError(t, fast().Validate())
	err := Config{Users: 1, FeedReadsPerSecond: -1}.Validate()
	for _, name := range []string{"USERS", "EVENTS_PER_SECOND", "CHANGES_PER_SECOND", "FEED_READS_PER_SECOND", "GRACE"} {
		assert.ErrorContains(t, err, name)
	}
}

func count(t *testing.T, conn *pgx.Conn, sql string) (n int64) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&n))
	return n
}
