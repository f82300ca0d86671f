package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// batch is a sink.Batch of one table's topic.
type batch struct {
	table    table.Table
	rows     *table.Rows
	store    Store
	metrics  *metrics
	envelope debezium.Envelope

	places  []int   // of the records of the rows
	commits []int64 // when the streamed changes were committed, ms since 1970
	ignored map[debezium.Kind]int64
	// superseded counts changes that have no effect any more.
	superseded int64
	echo       echo
}

func newBatch(t table.Table, deps Deps, m *metrics) *batch {
	b := &batch{table: t, rows: t.NewRows(deps.Epochs), store: deps.Store, metrics: m, ignored: map[debezium.Kind]int64{}}
	b.envelope.AfterOnly = !b.rows.TakesBefore()
	if slices.Contains(deps.PostEvents, t.Source) {
		b.echo = newEcho(Actions()[t.Source], deps)
	}
	return b
}

// Reset implements sink.Batch.
func (b *batch) Reset() {
	b.rows.Reset()
	b.envelope = debezium.Envelope{AfterOnly: b.envelope.AfterOnly} // it holds a record
	b.places, b.commits = b.places[:0], b.commits[:0]
	clear(b.ignored)
	b.superseded = 0
	b.echo.reset()
}

// Fill implements sink.Batch. A topic prefix without an epoch is its error: no
// record is at fault, and an operator's line lets all of them pass.
func (b *batch) Fill(_ context.Context, records []consumer.Record, reject func(i int, r sink.Rejection)) error {
	for i := range records {
		if err := b.add(&records[i], i); err != nil && !isLeftOut(err) {
			if advice := adviceOn(err); advice != nil {
				return advice
			}
			reject(i, sink.Rejection{Class: string(table.ReasonOf(err)), Err: err})
		}
		for len(b.places) < b.rows.Block().Rows() { // one, or two of an update
			b.places = append(b.places, i)
		}
	}
	return nil
}

// adviceOn returns an error for the operator if err is a topic prefix without an
// epoch, and nil otherwise.
func adviceOn(err error) error {
	var unmapped *debezium.UnmappedError
	if !errors.As(err, &unmapped) {
		return nil
	}
	return fmt.Errorf("%w: if its source is the newest one, set CDC_EPOCHS=%s", err, unmapped.Epochs)
}

// add appends the rows of a record, or counts it when it has none.
func (b *batch) add(record *consumer.Record, place int) error {
	if err := b.envelope.Decode(record.Value); err != nil {
		return err
	}
	switch kind := b.envelope.Kind; kind {
	case debezium.KindChange:
		if len(record.Key) == 0 {
			return fmt.Errorf("%w: the record has no key", table.ErrKey)
		}
	case debezium.KindTruncate:
	default:
		b.ignored[kind]++
		return nil
	}
	if err := b.rows.Append(&b.envelope); err != nil {
		if errors.Is(err, table.ErrSuperseded) {
			b.superseded++
		}
		return err
	}
	b.echo.add(&b.envelope, record, place)
	if b.envelope.Kind == debezium.KindChange && b.envelope.Op != debezium.Read && b.envelope.Source.TimestampMillis > 0 && record.Header(dlq.HeaderOrigin) == nil {
		b.commits = append(b.commits, b.envelope.Source.TimestampMillis)
	}
	return nil
}

// Table implements sink.Batch.
func (b *batch) Table() string { return b.table.Target }

// Block implements sink.Batch.
func (b *batch) Block() *block.Block { return b.rows.Block() }

// RecordOf implements sink.Batch.
func (b *batch) RecordOf(row int) int { return b.places[row] }

// Stored implements sink.Batch.
func (b *batch) Stored(ctx context.Context) { b.metrics.stored(ctx, b) }
