package clickhouse

import (
	"context"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// QueryLatest is as Pool.Query, through the breaker and on a replica that has
// every row of the tables, so that what it says can be decided on.
func (w *Writer) QueryLatest(ctx context.Context, tables []string, sql string, parameters Parameters, each func(*block.Reader) error) error {
	return w.call(ctx, "querying", func(s *session) error {
		if err := s.catchUpAll(ctx, tables); err != nil {
			return err
		}
		return s.query(ctx, sql, parameters, each)
	})
}

// Derive is rows that a table gets from what is stored.
type Derive struct {
	// Table gets the rows, From are the tables they come from.
	Table string
	From  []string
	// Columns is the list of columns in parentheses, Select gives their rows.
	Columns, Select string
	Parameters      Parameters
	// Timeout is that of the one statement that does it.
	Timeout time.Duration
}

// InsertSelect stores derived rows, without comparing them with blocks stored
// before: it is for tables where storing rows again is harmless. The breaker is asked
// for a sign of life only, since it would hold up all other calls for as long as the
// statement may take. An error says nothing of what is stored. It is an *Error or
// the breaker's.
func (w *Writer) InsertSelect(ctx context.Context, derive Derive) error {
	operation := "inserting into " + derive.Table
	if err := w.call(ctx, operation, func(s *session) error { return s.exec(ctx, "SELECT 1") }); err != nil {
		return err
	}
	return w.lend(ctx, operation, func(s *session) error {
		if err := s.catchUpAll(ctx, derive.From); err != nil {
			return err
		}
		sql := "INSERT INTO " + w.pool.tableName(derive.Table) + " " + derive.Columns + " " + derive.Select
		statement := w.pool.statement(sql, derive.Parameters, func(*block.Reader) error { return nil })
		statement.query.Settings = plainSettings(derive.Timeout)
		started := time.Now()
		failure := classify(operation, s.doWithin(ctx, derive.Timeout, statement.query))
		w.pool.metrics.queried(ctx, time.Since(started), failure)
		return asError(failure)
	})
}

func (s *session) catchUpAll(ctx context.Context, tables []string) error {
	for _, table := range tables {
		if err := s.catchUp(ctx, table); err != nil {
			return err
		}
	}
	return nil
}
