package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// IsIncomplete implements sink.Completer.
func (b *batch) IsIncomplete() bool { return len(b.rows.Needs()) > 0 }

// Complete implements sink.Completer.
func (b *batch) Complete(ctx context.Context, records []consumer.Record, reject func(i int, r sink.Rejection)) error {
	if err := b.Fill(ctx, records, func(int, sink.Rejection) {}); err != nil {
		return err
	}
	earlier, err := b.store.Earlier(ctx, b.table, b.rows.Needs())
	if err != nil {
		return err
	}
	b.Reset()
	b.rows.Know(earlier)
	return b.Fill(ctx, records, reject)
}

// Finish implements sink.Finisher: rows that a TRUNCATE has removed go, be they
// stored or of this batch, and what is reported of created rows is published.
func (b *batch) Finish(ctx context.Context, isRefused func(i int) bool) error {
	if err := b.echo.publish(ctx, isRefused); err != nil {
		return err
	}
	if mark := b.rows.Mark(); mark > 0 {
		if err := b.store.Truncate(ctx, b.table, mark); err != nil {
			return err
		}
	}
	if b.rows.Block().Rows() == 0 {
		return nil
	}
	mark, err := b.store.Newest(ctx, b.table)
	if err != nil {
		return fmt.Errorf("reading the newest truncate of %s: %w", b.table.Target, err)
	}
	if swept := b.rows.Swept(mark); swept != nil {
		if err := b.store.Insert(ctx, b.table.Target, swept); err != nil {
			return fmt.Errorf("sweeping rows of a batch: %w", err)
		}
	}
	return nil
}

// isLeftOut tells of an error of Append that no record is at fault for.
func isLeftOut(err error) bool {
	return errors.Is(err, table.ErrIncomplete) || errors.Is(err, table.ErrSuperseded)
}
