package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Store takes blocks. When Insert returns nil the block is stored; after an
// error it may be.
type Store interface {
	Insert(ctx context.Context, insert clickhouse.Insert) error
}

// Letters takes dead letters. When Write returns nil all are acknowledged.
type Letters interface {
	Write(ctx context.Context, letters []dlq.Letter) error
}

// Deps is what a Handler works with.
type Deps struct {
	Tables  []table.Table
	Epochs  debezium.Epochs
	Store   Store
	Letters Letters
	Log     *slog.Logger
	Meter   metric.Meter
}

// Handler turns records of the cdc topics into rows.
type Handler struct {
	deps    Deps
	metrics *metrics
	batches map[string]*sync.Pool // of *batch, by topic
}

// New returns a Handler for the topics of the tables. Its error is the meter's.
func New(deps Deps) (*Handler, error) {
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	h := &Handler{deps: deps, metrics: metrics, batches: map[string]*sync.Pool{}}
	for _, t := range deps.Tables {
		h.batches[t.Topic()] = &sync.Pool{New: func() any { return newBatch(t, deps.Epochs) }}
	}
	return h, nil
}

// Handle implements consumer.Handler.
//
// Rows go before letters: while ClickHouse is away the records come again and
// again, and each time would write the same letters.
func (h *Handler) Handle(ctx context.Context, records []consumer.Record) error {
	if len(records) == 0 {
		return nil
	}
	pool, isMapped := h.batches[records[0].Topic]
	if !isMapped {
		return fmt.Errorf("no table is mapped to topic %s", records[0].Topic)
	}
	b, _ := pool.Get().(*batch)
	defer pool.Put(b)
	b.reset()
	if err := h.fill(b, records); err != nil {
		return err
	}
	if err := h.deps.Store.Insert(ctx, clickhouse.Insert{Table: b.table.Target, Block: b.rows.Block()}); err != nil {
		return fmt.Errorf("storing %d rows: %w", b.rows.Block().Rows(), err)
	}
	if err := h.bury(ctx, b); err != nil {
		return err
	}
	h.metrics.handled(ctx, b)
	return nil
}

// fill adds records to the batch; those that can never be stored become letters.
func (h *Handler) fill(b *batch, records []consumer.Record) error {
	for i := range records {
		err := b.add(&records[i])
		if err == nil {
			continue
		}
		var unmapped *debezium.UnmappedError
		if errors.As(err, &unmapped) {
			return fmt.Errorf("%w: if its source is the newest one, set CDC_EPOCHS=%s", err, unmapped.Epochs)
		}
		b.refuse(&records[i], err)
	}
	return nil
}

func (h *Handler) bury(ctx context.Context, b *batch) error {
	if len(b.letters) == 0 {
		return nil
	}
	if err := h.deps.Letters.Write(ctx, b.letters); err != nil {
		return err
	}
	h.deps.Log.WarnContext(ctx, "records went to the dead-letter topic",
		"table", b.table.Target, "count", len(b.letters), "reasons", b.refused)
	return nil
}
