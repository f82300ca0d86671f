package reconcile

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/tilt/stack/internal/traffic"
)

// sides are a PostgreSQL that users have acted on, and a ClickHouse that holds
// the same. A test then changes one of them.
type sides struct {
	t        *testing.T
	postgres *pgtest.Server
	stored   *chtest.Server
	conn     *pgx.Conn
	pool     *clickhouse.Pool
	ledger   *traffic.Ledger
	accepted []uuid.UUID
	unknown  []uuid.UUID
}

func newSides(t *testing.T) *sides {
	t.Helper()
	s := &sides{t: t, postgres: pgtest.StartNova(t), stored: chtest.Start(t), ledger: traffic.NewLedger(time.Now())}
	s.pool, s.conn = servicetest.Migrate(t, s.stored.Addr), s.postgres.Connect()
	s.play()
	for _, m := range mirrors() {
		s.copyTable(m, "")
	}
	s.storeEvents(0, s.accepted...)
	return s
}

// play lets users act until there is something of everything. The events API
// stops answering at the end, so that some events are of unknown fate.
func (s *sides) play() {
	s.t.Helper()
	var bodies atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if bodies.Add(1) <= 4 {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer api.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		defer cancel()
		for c := s.ledger.Counters(); c.Changes < 800 || c.Repeats == 0; c = s.ledger.Counters() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	err := traffic.Run(ctx,
		traffic.Config{Seed: 1, Users: 30, EventsPerSecond: 200, ChangesPerSecond: 1000, Grace: 100 * time.Millisecond},
		traffic.Deps{EventsURL: api.URL, PostgresDSN: s.postgres.DSN, Ledger: s.ledger, Log: slog.New(slog.DiscardHandler)})
	require.NoError(s.t, err)
	for id := range s.ledger.Accepted() {
		s.accepted = append(s.accepted, id)
	}
	id := s.accepted[0]
	for sequence := range uint64(1000) {
		binary.BigEndian.PutUint64(id[8:], binary.BigEndian.Uint64(s.accepted[0][8:])+sequence)
		if s.ledger.Fate(id) == traffic.FateUnknown {
			s.unknown = append(s.unknown, id)
		}
	}
	require.NotEmpty(s.t, s.unknown)
}

// copyTable stores the rows of PostgreSQL that fit the condition, by JSON, which
// the comparison itself does not use.
func (s *sides) copyTable(m mirror, condition string) {
	s.t.Helper()
	added := []string{"'version', 8, 'is_deleted', 0"}
	for name, value := range m.constant {
		added = append(added, "'"+name+"', '"+value+"'")
	}
	for name, from := range m.renamed {
		added = append(added, "'"+name+"', r."+from)
	}
	rows, err := s.conn.Query(s.t.Context(), "SELECT (to_jsonb(r) || jsonb_build_object("+strings.Join(added, ", ")+"))::text FROM "+m.postgres+" AS r "+condition)
	require.NoError(s.t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	require.NotEmpty(s.t, lines, m.postgres)
	s.store("INSERT INTO " + m.clickhouse + " FORMAT JSONEachRow\n" + strings.Join(lines, "\n"))
}

func (s *sides) store(sql string) {
	s.t.Helper()
	_, err := s.stored.Do(s.t.Context(), sql, url.Values{
		"date_time_input_format":           {"best_effort"},
		"input_format_skip_unknown_fields": {"1"},
	})
	require.NoError(s.t, err)
}

// storeEvents stores events that happened at that second of an hour.
func (s *sides) storeEvents(second int, ids ...uuid.UUID) {
	s.t.Helper()
	at := time.Now().Truncate(time.Hour).Add(time.Duration(second) * time.Second).UTC().Format(time.RFC3339)
	rows := []string{"INSERT INTO post_events FORMAT JSONEachRow"}
	for _, id := range ids {
		rows = append(rows, `{"event_id":"`+id.String()+`","event_type":"post_view","event_time":"`+at+`"}`)
	}
	s.store(strings.Join(rows, "\n"))
}

// key returns the smallest or another key of a table of PostgreSQL.
func (s *sides) key(table, condition string) (id string) {
	s.t.Helper()
	require.NoError(s.t, s.conn.QueryRow(s.t.Context(), "SELECT id::text FROM "+table+" "+condition+" ORDER BY id LIMIT 1").Scan(&id))
	return id
}

// run reconciles, with differences final at once.
func (s *sides) run() Report {
	s.t.Helper()
	report, err := Run(s.t.Context(), quick(), s.deps(func(string) {}))
	require.NoError(s.t, err)
	return report
}

func (s *sides) deps(progress func(string)) Deps {
	return Deps{PostgresDSN: s.postgres.DSN, ClickHouse: s.pool, Ledger: s.ledger, Progress: progress}
}

func quick() Config {
	return Config{Interval: 10 * time.Millisecond, Settle: time.Millisecond, Deadline: 20 * time.Second}
}
