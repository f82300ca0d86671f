package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// withWALStatus is the version from which a slot says whether its WAL is there.
const withWALStatus = 130_000

// slot is a replication slot.
type slot struct {
	plugin, status string
	isActive       bool
	// retained are bytes of WAL that are kept for it, limit how many may be, -1 for
	// any number.
	retained, limit int64
}

func (p *postgresCheck) checkSlot(ctx context.Context) error {
	name := cmp.Or(p.connector["slot.name"], p.options.Connector)
	found, err := p.readSlot(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		p.fail("start the connector, which makes it; if it had one, changes are lost: a new topic prefix with the next epoch in CDC_EPOCHS",
			"replication slot %s is missing", name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading slot %s: %w", name, err)
	}
	since := len(p.findings)
	p.judgeSlot(name, found)
	if p.isWell(since) {
		p.ok("slot %s is read, %d MB of WAL are kept for it", name, found.retained>>20)
	}
	return nil
}

// checkRetention looks at what keeps a connector that is down from filling the disk.
func (p *postgresCheck) checkRetention(ctx context.Context) error {
	if p.version < withWALStatus {
		return nil
	}
	var limit string
	if err := p.conn.QueryRow(ctx, "SHOW max_slot_wal_keep_size").Scan(&limit); err != nil {
		return fmt.Errorf("reading max_slot_wal_keep_size: %w", err)
	}
	if limit == "-1" {
		p.warn("ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf()",
			"max_slot_wal_keep_size is unlimited: a connector that is down fills the disk")
		return nil
	}
	p.ok("max_slot_wal_keep_size is %s", limit)
	return nil
}

func (p *postgresCheck) readSlot(ctx context.Context, name string) (found slot, err error) {
	status, limit := "'reserved'", "-1"
	if p.version >= withWALStatus {
		status = "coalesce(wal_status, '')"
		limit = "(SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint << 20 END FROM pg_settings WHERE name = 'max_slot_wal_keep_size')"
	}
	query := fmt.Sprintf(`SELECT coalesce(plugin, ''), active, %s, %s, coalesce(pg_wal_lsn_diff(
			CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), 0)::bigint
		FROM pg_replication_slots WHERE slot_name = $1`, status, limit)
	err = p.conn.QueryRow(ctx, query, name).Scan(&found.plugin, &found.isActive, &found.status, &found.limit, &found.retained)
	return found, err
}

func (p *postgresCheck) judgeSlot(name string, found slot) {
	if found.plugin != "pgoutput" {
		p.fail("SELECT pg_drop_replication_slot('"+strings.ReplaceAll(name, "'", "''")+"'), a new topic prefix with the next epoch, plugin.name=pgoutput",
			"slot %s has the plugin %q", name, found.plugin)
	}
	switch found.status {
	case "lost":
		p.fail("SELECT pg_drop_replication_slot('"+strings.ReplaceAll(name, "'", "''")+"'), then a new topic prefix with the next epoch in CDC_EPOCHS",
			"slot %s is lost: WAL that it needs is gone, and changes with it", name)
		return
	case "unreserved":
		p.fail("start the connector now, or raise max_slot_wal_keep_size", "slot %s is about to be lost: the next checkpoint removes WAL that it needs", name)
	}
	if !found.isActive {
		p.fail("start the connector", "nobody reads slot %s; %d MB of WAL are kept for it", name, found.retained>>20)
	}
	if found.limit > 0 && found.retained > found.limit/2 && found.status != "unreserved" {
		p.warn("find out what holds the connector up, or raise max_slot_wal_keep_size",
			"slot %s keeps %d MB of WAL, more than half of max_slot_wal_keep_size (%d MB)", name, found.retained>>20, found.limit>>20)
	}
}
