package clickhouse

import (
	"context"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// engine returns the engine of a table of the database, "" if there is none.
func (s *session) engine(ctx context.Context, table string) (engine string, err error) {
	const sql = "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {table:String}"
	values := Parameters{"database": s.pool.Database(), "table": table}
	err = s.query(ctx, sql, values, func(reader *block.Reader) error { return reader.Scan(0, &engine) })
	return engine, err
}

// catchUp waits until the replica asked has what the others have. It does not
// wait for merges.
func (s *session) catchUp(ctx context.Context, table string) error {
	engine, err := s.engine(ctx, table)
	if err != nil || !isReplicated(engine) {
		return err
	}
	return s.exec(ctx, "SYSTEM SYNC REPLICA "+s.pool.tableName(table)+" LIGHTWEIGHT")
}

// serverStart returns the latest moment, by this process's clock, at which the
// server can have started. A connection does not outlive its server, so that it is
// asked once on each.
func (s *session) serverStart(ctx context.Context) (time.Time, error) {
	if !s.conn.serverStart.IsZero() {
		return s.conn.serverStart, nil
	}
	var seconds int
	err := s.query(ctx, "SELECT uptime()", nil, func(reader *block.Reader) error { return reader.Scan(0, &seconds) })
	if err != nil {
		return time.Time{}, err
	}
	// The server rounds down, and the answer took its time: both make this later
	// than the truth.
	s.conn.serverStart = time.Now().Add(-time.Duration(seconds) * time.Second)
	return s.conn.serverStart, nil
}

func isMergeTree(engine string) bool { return strings.HasSuffix(engine, "MergeTree") }

func isReplicated(engine string) bool { return strings.HasPrefix(engine, "Replicated") }

// isPlain says of a MergeTree that it does not write a token and its part in one
// step. SharedMergeTree, ClickHouse Cloud's, does.
func isPlain(engine string) bool {
	return isMergeTree(engine) && !isReplicated(engine) && !strings.HasPrefix(engine, "Shared")
}
