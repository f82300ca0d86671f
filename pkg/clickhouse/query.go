package clickhouse

import (
	"context"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// Parameters are the values of a statement's {name:Type} placeholders, as text
// that the server reads as that type. They are never part of the SQL.
type Parameters map[string]string

// Exec runs a statement and drops what it returns. An error is an *Error.
func (p *Pool) Exec(ctx context.Context, sql string, parameters Parameters) error {
	return p.Query(ctx, sql, parameters, func(*block.Reader) error { return nil })
}

// Query runs a statement and calls each with every block of its result that has
// rows, in order. The reader is valid until each returns; an error of each ends
// the query and is returned as it is. Any other error is an *Error.
func (p *Pool) Query(ctx context.Context, sql string, parameters Parameters, each func(*block.Reader) error) error {
	started := time.Now()
	statement := p.statement(sql, parameters, each)
	err := p.do(ctx, statement.query)
	return p.finish(ctx, statement, started, err)
}

// statement is a statement on its way.
type statement struct {
	query ch.Query
	// rejected is the error with which the caller has ended it.
	rejected error
}

func (p *Pool) statement(sql string, parameters Parameters, each func(*block.Reader) error) *statement {
	var results proto.Results
	s := &statement{}
	s.query = ch.Query{
		Body:       sql,
		Parameters: parameters.native(),
		Settings:   limits(p.cfg.Timeout),
		Result:     results.Auto(),
		OnResult: func(_ context.Context, received proto.Block) error {
			if received.Rows == 0 {
				return nil
			}
			s.rejected = each(block.NewReader(results))
			return s.rejected
		},
	}
	return s
}

// finish returns what a statement that ended with err came to.
func (p *Pool) finish(ctx context.Context, s *statement, started time.Time, err error) error {
	if s.rejected != nil {
		return s.rejected
	}
	failure := classify("querying", err)
	p.metrics.queried(ctx, time.Since(started), failure)
	return asError(failure)
}
