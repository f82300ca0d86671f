package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// Insert is one block for one table of the database.
type Insert struct {
	Table string
	Block *block.Block
	// Token names the block for good: the table, and each view of it, take a block
	// of that name once, whatever its rows, while they remember it. Empty means that
	// the block is stored in any case.
	Token string
}

// Insert stores the block in one request. A block without rows is not sent.
//
// The block must not change until Insert returns. An error is an *Error and says
// nothing of what is stored: an answer can be lost, and a view can refuse rows
// that the table has taken.
func (p *Pool) Insert(ctx context.Context, insert Insert) error {
	if err := insert.check(); err != nil {
		return err
	}
	if insert.Block.Rows() == 0 {
		return nil
	}
	settings := plainSettings(p.cfg.Timeout)
	if insert.Token != "" {
		settings = tokenSettings(p.cfg.Timeout, insert.Token, true)
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	started := time.Now()
	err := p.session(ctx, func(s *session) error { return s.insert(ctx, insert, settings) })
	if err == nil || classified(err) != nil {
		return err
	}
	return p.inserted(ctx, insert, started, err)
}

func (i Insert) check() error {
	if err := i.Block.Check(); err != nil {
		return fmt.Errorf("inserting into %s: %w", i.Table, err)
	}
	return nil
}

// inserted returns what an INSERT that ended with err came to.
func (p *Pool) inserted(ctx context.Context, insert Insert, started time.Time, err error) error {
	failure := classify("inserting into "+insert.Table, err)
	p.metrics.inserted(ctx, insertOutcome{
		table: insert.Table, rows: insert.Block.Rows(), bytes: insert.Block.Bytes(), duration: time.Since(started), failure: failure,
	})
	return asError(failure)
}

// tableName returns a table of the database as it stands in SQL.
func (p *Pool) tableName(table string) string { return "`" + p.cfg.Database + "`.`" + table + "`" }
