package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// Insert is one block for one table of the database.
type Insert struct {
	Table string
	Block *block.Block
}

// Insert stores the block in one request. A block without rows is not sent.
//
// The block must not change until Insert returns. An error is an *Error and says
// nothing of what is stored: an answer can be lost, and a view can refuse rows
// that the table has taken.
func (p *Pool) Insert(ctx context.Context, insert Insert) error {
	if err := insert.Block.Check(); err != nil {
		return fmt.Errorf("inserting into %s: %w", insert.Table, err)
	}
	if insert.Block.Rows() == 0 {
		return nil
	}
	started := time.Now()
	err := p.do(ctx, ch.Query{
		Body:     "INSERT INTO `" + p.cfg.Database + "`.`" + insert.Table + "` " + insert.Block.ColumnList() + " VALUES",
		Input:    insert.Block.Native(),
		Settings: insertSettings(p.cfg.Timeout),
	})
	failure := classify("inserting into "+insert.Table, err)
	p.metrics.inserted(ctx, insertOutcome{
		table: insert.Table, rows: insert.Block.Rows(), bytes: insert.Block.Bytes(), duration: time.Since(started), failure: failure,
	})
	return asError(failure)
}
