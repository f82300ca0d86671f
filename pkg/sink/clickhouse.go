package sink

import (
	"context"

	"github.com/nova-data/nova/pkg/clickhouse"
)

// ClickHouse makes a Writer of a clickhouse.Writer.
func ClickHouse(writer *clickhouse.Writer) Writer { return clickHouse{writer} }

type clickHouse struct{ writer *clickhouse.Writer }

func (c clickHouse) Begin(insert Insert) Storing {
	return c.writer.Begin(insert.native(), insert.PlannedAt, insert.Key)
}

func (c clickHouse) Refused(ctx context.Context, insert Insert) ([]Refusal, error) {
	found, err := c.writer.Refused(ctx, insert.native())
	if err != nil {
		return nil, err
	}
	refusals := make([]Refusal, len(found))
	for i, one := range found {
		refusals[i] = Refusal{Row: one.Row, Err: one.Err}
	}
	return refusals, nil
}

func (i Insert) native() clickhouse.Insert {
	return clickhouse.Insert{Table: i.Table, Block: i.Block, Token: i.Token}
}
