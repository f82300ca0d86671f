package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// ClickHouse is what is asked of it; a clickhouse.Writer is one.
type ClickHouse interface {
	QueryLatest(ctx context.Context, tables []string, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
	InsertSelect(ctx context.Context, derive clickhouse.Derive) error
	Begin(insert clickhouse.Insert, plannedAt time.Time, key []string) *clickhouse.Storing
}

// Store is ClickHouse as cdc-ingest sees it.
type Store struct{ clickhouse ClickHouse }

// New returns a Store.
func New(to ClickHouse) *Store { return &Store{clickhouse: to} }

// marks is the table of the newest truncates.
const marks = "cdc_truncates"

// sweepTimeout bounds the statement that sweeps a whole table.
const sweepTimeout = 10 * time.Minute

// Newest returns the version of a table's newest truncate, 0 if there is none.
func (s *Store) Newest(ctx context.Context, t table.Table) (mark uint64, err error) {
	err = s.clickhouse.QueryLatest(ctx, []string{marks}, "SELECT max(version) FROM "+marks+" WHERE table_name = {table:String}",
		clickhouse.Parameters{"table": t.Target}, func(rows *block.Reader) error { return rows.Scan(0, &mark) })
	return mark, err
}

// Truncate records that all rows of versions below mark are gone, and sweeps them.
func (s *Store) Truncate(ctx context.Context, t table.Table, mark uint64) error {
	name, version, at := block.LowCardinality("table_name"), block.UInt64("version"), block.DateTime64Milli("recorded_at")
	name.Append(t.Target)
	version.Append(mark)
	at.AppendMillis(time.Now().UnixMilli())
	if err := s.Insert(ctx, marks, block.New(name, version, at)); err != nil {
		return fmt.Errorf("recording a truncate of %s: %w", t.Target, err)
	}
	for _, sweep := range t.Sweeps() {
		err := s.clickhouse.InsertSelect(ctx, clickhouse.Derive{
			Table: t.Target, From: []string{sweep.From}, Columns: sweep.Columns, Select: sweep.Select,
			Parameters: clickhouse.Parameters{"mark": strconv.FormatUint(mark, 10)}, Timeout: sweepTimeout,
		})
		if err != nil {
			return fmt.Errorf("writing tombstones, which hold keys only, into %s for rows of %s: %w", t.Target, sweep.From, err)
		}
	}
	return nil
}

// StoredEvents returns those of some events that post_events holds.
func (s *Store) StoredEvents(ctx context.Context, events []event.Event) (map[stored.Identity]bool, error) {
	return stored.Find(ctx, s.clickhouse, events)
}

// Insert stores rows that may be stored again.
func (s *Store) Insert(ctx context.Context, into string, rows *block.Block) error {
	return s.clickhouse.Begin(clickhouse.Insert{Table: into, Block: rows}, time.Time{}, nil).Try(ctx)
}
