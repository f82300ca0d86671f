package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/dlq"
)

// Claimer decides which records of an event are stored.
type Claimer interface {
	// Claim returns for each claim whether its record is the one to store. The
	// same claim always gets the same answer.
	Claim(ctx context.Context, claims []dedup.Claim) ([]bool, error)
}

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
	Claimer Claimer
	Store   Store
	Letters Letters
	Log     *slog.Logger
	Meter   metric.Meter
}

// Handler turns records of the topic "events" into rows of post_events.
type Handler struct {
	deps    Deps
	metrics *metrics
	batches sync.Pool // of *batch
	written writtenLetters
}

// New returns a Handler. Its error is the meter's.
func New(deps Deps) (*Handler, error) {
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	return &Handler{
		deps:    deps,
		metrics: metrics,
		batches: sync.Pool{New: func() any { return newBatch() }},
		written: writtenLetters{origins: map[string]bool{}},
	}, nil
}

// Handle implements consumer.Handler.
func (h *Handler) Handle(ctx context.Context, records []consumer.Record) error {
	started := time.Now()
	b, _ := h.batches.Get().(*batch)
	defer h.batches.Put(b)
	b.reset()
	for i := range records {
		b.add(&records[i])
	}
	if err := h.bury(ctx, b); err != nil {
		h.metrics.failed(ctx, "letters")
		return err
	}
	kept, err := h.deps.Claimer.Claim(ctx, b.claims)
	if err != nil {
		h.metrics.failed(ctx, "claim")
		return err
	}
	b.fill(kept)
	if err := h.deps.Store.Insert(ctx, clickhouse.Insert{Table: Table, Block: b.rows.block}); err != nil {
		h.metrics.failed(ctx, "insert")
		return fmt.Errorf("storing %d events: %w", b.rows.block.Rows(), err)
	}
	h.written.forget(b.letters)
	h.metrics.handled(ctx, b, time.Since(started))
	return nil
}

// bury writes the letters that an earlier attempt at these records has not.
func (h *Handler) bury(ctx context.Context, b *batch) error {
	letters := h.written.without(b.letters)
	if len(letters) == 0 {
		return nil
	}
	if err := h.deps.Letters.Write(ctx, letters); err != nil {
		return err
	}
	h.written.remember(letters)
	h.deps.Log.WarnContext(ctx, "records went to the dead-letter topic", "count", len(letters), "reasons", b.refused)
	return nil
}

// maxWritten bounds what is remembered of batches that went to another member.
const maxWritten = 100_000

// writtenLetters are those of batches that are not done yet: while ClickHouse is
// away the same records come again and again.
type writtenLetters struct {
	mu      sync.Mutex
	origins map[string]bool
}

func (w *writtenLetters) without(letters []dlq.Letter) []dlq.Letter {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.origins) == 0 {
		return letters
	}
	var left []dlq.Letter
	for _, letter := range letters {
		if !w.origins[letter.Origin()] {
			left = append(left, letter)
		}
	}
	return left
}

func (w *writtenLetters) remember(letters []dlq.Letter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.origins) > maxWritten {
		clear(w.origins)
	}
	for _, letter := range letters {
		w.origins[letter.Origin()] = true
	}
}

func (w *writtenLetters) forget(letters []dlq.Letter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, letter := range letters {
		delete(w.origins, letter.Origin())
	}
}
