package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// slot watches the connector's replication slot.
type slot struct {
	cfg     Config
	dsn     string
	metrics *metrics

	conn    *pgx.Conn
	history history
}

// slotState is what PostgreSQL says of a slot.
type slotState struct {
	isActive bool
	// status is PostgreSQL's wal_status, "" before version 13.
	status string
	// safe are the bytes that may be written before the slot is lost, nil if it
	// never is.
	safe *int64
	// written, confirmed and kept are positions in the WAL: where it ends, up to where
	// the connector is done, and from where it is kept for the slot.
	written, confirmed, kept int64
}

// The columns that version 12 lacks are taken from the row as JSON.
const slotQuery = `SELECT active, coalesce(to_jsonb(s) ->> 'wal_status', ''), (to_jsonb(s) ->> 'safe_wal_size')::bigint,
	pg_wal_lsn_diff(at, '0/0')::bigint, pg_wal_lsn_diff(coalesce(confirmed_flush_lsn, restart_lsn, at), '0/0')::bigint,
	pg_wal_lsn_diff(coalesce(restart_lsn, at), '0/0')::bigint
FROM pg_replication_slots AS s,
	(SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS at) AS wal
WHERE slot_name = $1`

func (*slot) name() string { return "source slot" }

func (s *slot) look(ctx context.Context) finding {
	now := time.Now()
	state, err := s.read(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		s.metrics.slot(&slotReading{})
		return finding{
			kind: "missing", text: fmt.Sprintf("replication slot %s is missing", s.cfg.slot()),
			fix: "start the connector, which makes it; if it had one, changes are lost: begin a new topic prefix with the next epoch in CDC_EPOCHS",
		}
	}
	if err != nil {
		s.close(ctx)
		s.metrics.slot(nil)
		return unreachable("see whether PostgreSQL runs, and POSTGRES_DSN leads to it", fmt.Errorf("asking PostgreSQL: %w", err))
	}
	s.history.add(now, state.written, state.confirmed)
	behind := s.history.behind(now)
	s.metrics.slot(&slotReading{isThere: true, state: state, behind: behind})
	return state.judge(s.cfg, behind)
}

func (s *slot) read(ctx context.Context) (state slotState, err error) {
	if s.conn == nil {
		conn, err := pgx.Connect(ctx, s.dsn)
		if err != nil {
			return slotState{}, err
		}
		s.conn = conn
	}
	err = s.conn.QueryRow(ctx, slotQuery, s.cfg.slot()).Scan(
		&state.isActive, &state.status, &state.safe, &state.written, &state.confirmed, &state.kept)
	return state, err
}

// closeTimeout bounds PostgreSQL's goodbye.
const closeTimeout = time.Second

func (s *slot) close(ctx context.Context) {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = s.conn.Close(ctx)
	s.conn = nil
}

// lag is how many bytes of WAL the connector has not confirmed.
func (s slotState) lag() int64 { return max(0, s.written-s.confirmed) }

// retained is how many bytes of WAL PostgreSQL keeps for the slot.
func (s slotState) retained() int64 { return max(0, s.written-s.kept) }

func (s slotState) judge(cfg Config, behind time.Duration) finding {
	name := cfg.slot()
	switch {
	case s.status == "lost":
		return finding{
			kind: "lost", text: fmt.Sprintf("slot %s is lost: WAL that it needs is gone, and changes with it", name),
			fix: "drop it, then begin a new topic prefix with the next epoch in CDC_EPOCHS",
		}
	case s.status == "unreserved":
		return finding{
			kind: "unreserved", text: fmt.Sprintf("slot %s is about to be lost: the next checkpoint removes WAL that it needs", name),
			fix: "start the connector now, or raise max_slot_wal_keep_size",
		}
	case !s.isActive:
		return finding{
			kind: "inactive", text: fmt.Sprintf("nobody reads slot %s; %d MB of WAL are kept for it", name, s.retained()>>20),
			fix: "start the connector",
		}
	case s.safe != nil && s.retained() > *s.safe:
		return finding{
			kind: "filling", text: fmt.Sprintf("slot %s keeps %d MB of WAL and is lost %d MB further on", name, s.retained()>>20, *s.safe>>20),
			fix: "find out what holds the connector up, or raise max_slot_wal_keep_size",
		}
	case s.lag() > cfg.MaxLagBytes || behind > cfg.MaxLag:
		return finding{
			kind: "behind", text: fmt.Sprintf("the connector is %d MB and %s of WAL behind on slot %s", s.lag()>>20, behind.Round(time.Second), name),
			fix: "find out what holds the connector up",
		}
	}
	return finding{}
}
