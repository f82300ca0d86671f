package ingest

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/sink"
)

// Claimer decides which records of an event are stored.
type Claimer interface {
	// Claim returns for each claim whether its record is the one to store. The
	// same claim always gets the same answer.
	Claim(ctx context.Context, claims []dedup.Claim) ([]bool, error)
}

// Store is what is asked of ClickHouse beside storing.
type Store interface {
	// Holds says whether a table has rows of a topic's partition.
	Holds(ctx context.Context, table, topic string, partition int) (bool, error)
	// Ping asks for a sign of life.
	Ping(ctx context.Context) error
}

// Deps is what a Sink works with. All but Failpoints is required.
type Deps struct {
	Claimer    Claimer
	Store      Store
	Writer     sink.Writer
	Letters    sink.Letters
	Guard      sink.Guard
	Failpoints *failpoint.Set
	Log        *slog.Logger
	Meter      metric.Meter
}

// Sink stores the records of the topic "events" in post_events.
type Sink struct {
	*sink.Sink

	store Store
}

// New returns a Sink. Its errors are those of deps.
func New(deps Deps) (*Sink, error) {
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	stored, err := sink.New(sink.Deps{
		NewBatch: func(string) (sink.Batch, error) {
			return &batch{claimer: deps.Claimer, metrics: metrics, rows: newRows()}, nil
		},
		Writer: deps.Writer, Letters: deps.Letters, Guard: deps.Guard,
		Key:        func(string) []string { return key() },
		Failpoints: deps.Failpoints, Log: deps.Log, Meter: deps.Meter,
	})
	if err != nil {
		return nil, err
	}
	return &Sink{Sink: stored, store: deps.Store}, nil
}

// key is the sort key of post_events.
func key() []string { return []string{"post_id", "event_type", "event_time", "event_id"} }

// Holds implements consumer.Holder.
func (s *Sink) Holds(ctx context.Context, topic string, partition int) (bool, error) {
	return s.store.Holds(ctx, Table, topic, partition)
}

// Probe implements consumer.Prober.
func (s *Sink) Probe(ctx context.Context) error { return s.store.Ping(ctx) }
