package sink_test

import (
	"context"
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/sink"
)

// batch makes of each record the rows that its value asks for.
type batch struct {
	world   *world
	block   *block.Block
	id      interface{ Append(uint64) }
	value   *block.StringColumn
	records []int
	isUsed  bool
}

func (w *world) newBatch(of string) (sink.Batch, error) {
	if of != topic {
		return nil, errors.New("no table is mapped to topic " + of)
	}
	w.batches++
	id, value := block.UInt64("id"), block.String("value")
	return &batch{world: w, block: block.New(id, value), id: id, value: value}, nil
}

func (b *batch) Fill(ctx context.Context, records []consumer.Record, reject func(int, sink.Rejection)) error {
	require.False(b.world.t, b.isUsed, "a batch is filled without Reset")
	b.isUsed = true
	b.world.fills = append(b.world.fills, len(records))
	if err := b.world.step("fill"); err != nil {
		return err
	}
	together := 0
	for i := range records {
		switch value := string(records[i].Value); value {
		case "skip":
		case "two":
			b.row(i, &records[i], "two#1")
			b.row(i, &records[i], "two#2")
		case "bad":
			reject(i, sink.Rejection{Class: "syntax", Err: errors.New("it is bad"), Schema: "v1"})
		case "flaky":
			if b.world.heals > 0 {
				b.world.heals--
				reject(i, sink.Rejection{Class: "lookup", Err: errors.New("not yet")})
				continue
			}
			b.row(i, &records[i], value)
		case "crowd": // is refused in company only
			if len(records) > 1 {
				reject(i, sink.Rejection{Class: "crowd", Err: errors.New("too many")})
				continue
			}
			b.row(i, &records[i], value)
		case "panic":
			beyond := len(records)
			_ = records[beyond]
		case "together":
			if together++; together == 2 {
				panic("two of a kind")
			}
		case "wrong index":
			reject(len(records), sink.Rejection{Err: errors.New("whose?")})
		default:
			b.row(i, &records[i], value)
		}
	}
	return ctx.Err()
}

func (b *batch) row(i int, record *consumer.Record, value string) {
	b.id.Append(uint64(record.Offset))
	b.value.Append(value)
	b.records = append(b.records, i)
}

func (b *batch) Table() string          { return table }
func (b *batch) Block() *block.Block    { return b.block }
func (b *batch) RecordOf(row int) int   { return b.records[row] }
func (b *batch) Stored(context.Context) { b.world.reported++ }

func (b *batch) Reset() {
	b.block.Reset()
	b.records = b.records[:0]
	b.isUsed = false
}
