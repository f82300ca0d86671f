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
	var (
		results  proto.Results
		rejected error
		started  = time.Now()
	)
	err := p.do(ctx, ch.Query{
		Body:       sql,
		Parameters: parameters.native(),
		Settings:   limits(p.cfg.Timeout),
		Result:     results.Auto(),
		OnResult: func(_ context.Context, received proto.Block) error {
			if received.Rows == 0 {
				return nil
			}
			rejected = each(block.NewReader(results))
			return rejected
		},
	})
	if rejected != nil {
		return rejected
	}
	failure := classify("querying", err)
	p.metrics.queried(ctx, time.Since(started), failure)
	return asError(failure)
}
