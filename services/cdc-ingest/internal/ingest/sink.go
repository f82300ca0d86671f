package ingest

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Store is what is asked of ClickHouse beside storing.
type Store interface {
	// Ping asks for a sign of life.
	Ping(ctx context.Context) error
}

// Deps is what a Sink works with. All but Failpoints is required.
type Deps struct {
	Tables     []table.Table
	Epochs     debezium.Epochs
	Store      Store
	Writer     sink.Writer
	Letters    sink.Letters
	Guard      sink.Guard
	Failpoints *failpoint.Set
	Log        *slog.Logger
	Meter      metric.Meter
}

// Sink stores the records of the tables' topics in the tables.
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
	byTopic := make(map[string]table.Table, len(deps.Tables))
	for _, t := range deps.Tables {
		byTopic[t.Topic()] = t
	}
	stored, err := sink.New(sink.Deps{
		NewBatch: func(topic string) (sink.Batch, error) {
			t, isMapped := byTopic[topic]
			if !isMapped {
				return nil, fmt.Errorf("no table is mapped to topic %s", topic)
			}
			return newBatch(t, deps.Epochs, metrics), nil
		},
		Writer: deps.Writer, Letters: deps.Letters, Guard: deps.Guard,
		Key:        func(string) []string { return nil }, // for plans, and there are none
		Failpoints: deps.Failpoints, Log: deps.Log, Meter: deps.Meter,
	})
	if err != nil {
		return nil, err
	}
	return &Sink{Sink: stored, store: deps.Store}, nil
}

// Probe implements consumer.Prober.
func (s *Sink) Probe(ctx context.Context) error { return s.store.Ping(ctx) }
