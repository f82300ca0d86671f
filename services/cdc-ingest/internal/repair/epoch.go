package repair

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Querier reads ClickHouse; a clickhouse.Pool is one.
type Querier interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Truncater records that rows of a table below a version are gone, and makes
// tombstones of them; a store.Store is one.
type Truncater interface {
	Truncate(ctx context.Context, t table.Table, mark uint64) error
}

// ending is the end of a repair by a new epoch, or its begin.
type ending struct {
	prefix  string
	isBegun bool
	epoch   uint8
	tables  []table.Table
	// isNamed says that the operator has named the tables.
	isNamed bool
	// isConfirmed says that he has seen what would go.
	isConfirmed bool
	connector   string
	// wait is how long cdc-ingest may take to store what the topics hold.
	wait time.Duration
}

type endingDeps struct {
	group Group
	// connect is nil if the connector cannot be asked.
	connect *connect.Client
	stored  Querier
	store   Truncater
	out     func(line string)
	say     func(line string)
}

// errUnconfirmed is the end of a call that only shows what it would do.
var errUnconfirmed = errors.New("nothing is changed yet: --yes does it")

// run makes tombstones of what older epochs have left and the epoch's snapshot has
// not brought.
func (e ending) run(ctx context.Context, deps endingDeps) error {
	if e.epoch == 0 {
		return fmt.Errorf("%s has epoch 0, and no epoch is older", e.prefix)
	}
	if err := e.checkSnapshot(ctx, deps); err != nil {
		return err
	}
	if err := e.awaitStored(ctx, deps); err != nil {
		return err
	}
	kept := make([]counts, len(e.tables))
	for i, t := range e.tables {
		var err error
		if kept[i], err = e.count(ctx, deps.stored, t); err != nil {
			return err
		}
		deps.out(fmt.Sprintf("%s: %d rows of older epochs go, %d rows of epoch %d stay", t.Target, kept[i].older, kept[i].own, e.epoch))
	}
	for i, t := range e.tables {
		if kept[i].older > 0 && kept[i].own == 0 && !e.isNamed {
			return fmt.Errorf("%s has no row of epoch %d, so all of its rows would go: if %s is empty in PostgreSQL, say so with --table %s",
				t.Target, e.epoch, t.Source, t.Source)
		}
	}
	if !e.isConfirmed {
		return errUnconfirmed
	}
	for i, t := range e.tables {
		deps.say(t.Target + ": clearing")
		if err := deps.store.Truncate(ctx, t, e.mark()); err != nil {
			return err
		}
		deps.out(fmt.Sprintf("%s: %d rows cleared", t.Target, kept[i].older))
	}
	return nil
}

// awaitStored waits until what the topics hold, the snapshot among it, is stored.
func (e ending) awaitStored(ctx context.Context, deps endingDeps) error {
	waiting, cancel := context.WithTimeoutCause(ctx, e.wait, fmt.Errorf("it has taken %s", e.wait))
	defer cancel()
	if err := awaitRead(waiting, deps.group, e.tables, deps.say); err != nil {
		return fmt.Errorf("waiting until cdc-ingest has stored the snapshot: %w", err)
	}
	return nil
}

// mark is the lowest version of the epoch.
func (e ending) mark() uint64 { return debezium.FirstVersion(e.epoch) }

// checkSnapshot asks the connector whether its initial snapshot is done. Without
// Kafka Connect that is the operator's to know.
func (e ending) checkSnapshot(ctx context.Context, deps endingDeps) error {
	if deps.connect == nil {
		deps.say("CONNECT_URL is not set: see to it that the snapshot of " + e.prefix + " is done")
		return nil
	}
	offset, isStored, err := deps.connect.Offset(ctx, e.connector)
	switch {
	case errors.Is(err, connect.ErrUnknown):
		return fmt.Errorf("asking for connector %s: %w: name it with --connector", e.connector, err)
	case err != nil:
		return err
	case !isStored:
		return fmt.Errorf("connector %s has stored no offset yet: its snapshot is not done", e.connector)
	case offset.Snapshot != "":
		return fmt.Errorf("the snapshot of connector %s is not done, or nothing has changed since: it has stored snapshot %s", e.connector, offset.Snapshot)
	}
	return nil
}

// counts are the rows of a table, deleted ones left out.
type counts struct{ older, own uint64 }

func (e ending) count(ctx context.Context, stored Querier, t table.Table) (found counts, err error) {
	err = stored.Query(ctx, "SELECT countIf(version < {mark:UInt64}), countIf(version >= {mark:UInt64}) FROM "+t.Target+" FINAL",
		clickhouse.Parameters{"mark": strconv.FormatUint(e.mark(), 10)},
		func(rows *block.Reader) error { return rows.Scan(0, &found.older, &found.own) })
	if err != nil {
		return counts{}, fmt.Errorf("counting the rows of %s: %w", t.Target, err)
	}
	return found, nil
}
