package ingest

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Store is what is asked of ClickHouse beside storing.
type Store interface {
	// Earlier returns, for the key of each need, the row before that change, or an
	// empty one.
	Earlier(ctx context.Context, t table.Table, needs []table.Need) (map[string]table.Earlier, error)
	// Truncate records that all rows of versions below mark are gone, and sweeps
	// them; Newest returns the newest mark of a table.
	Truncate(ctx context.Context, t table.Table, mark uint64) error
	Newest(ctx context.Context, t table.Table) (mark uint64, err error)
	// StoredEvents returns those of some events that are stored.
	StoredEvents(ctx context.Context, events []event.Event) (map[stored.Identity]bool, error)
	// Insert stores rows that may be stored again.
	Insert(ctx context.Context, into string, rows *block.Block) error
}

// Pinger asks ClickHouse for a sign of life.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Deps is what a Sink works with. All but Failpoints is required.
type Deps struct {
	Tables []table.Table
	Epochs debezium.Epochs
	// PostEvents names the tables, among those of Actions, whose created rows are
	// published to Events.
	PostEvents []string
	Events     Publisher
	Store      Store
	Pinger     Pinger
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

	pinger Pinger
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
			return newBatch(t, deps, metrics), nil
		},
		Writer: deps.Writer, Letters: deps.Letters, Guard: deps.Guard,
		Key:        func(string) []string { return nil }, // for plans, and there are none
		Failpoints: deps.Failpoints, Log: deps.Log, Meter: deps.Meter,
	})
	if err != nil {
		return nil, err
	}
	return &Sink{Sink: stored, pinger: deps.Pinger}, nil
}

// Probe implements consumer.Prober.
func (s *Sink) Probe(ctx context.Context) error { return s.pinger.Ping(ctx) }
