package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/telemetry"
)

// Insert is one block for one table.
type Insert struct {
	Table string
	Block *block.Block
	// Token makes the server drop the block if it has it already; empty for
	// tables where storing it again is harmless.
	Token string
	// PlannedAt is when the token was made, by its maker's clock.
	PlannedAt time.Time
	// Key names the columns of the table's sort key.
	Key []string
}

// Writer stores blocks. ClickHouse makes one of a clickhouse.Writer.
type Writer interface {
	// Begin returns one block on its way.
	Begin(insert Insert) Storing
	// Refused returns the rows that the table does not take alone; none means that
	// it is not the data that makes the insert fail.
	Refused(ctx context.Context, insert Insert) ([]Refusal, error)
}

// Storing is one block on its way. It remembers its attempts.
type Storing interface {
	// Try returns nil when the block is stored, exactly once if it has a token. An
	// error of class clickhouse.Data may be about its rows; after any other the
	// same is to be tried again.
	Try(ctx context.Context) error
}

// Refusal is a row that a table refuses, and the server's error.
type Refusal struct {
	Row int
	Err error
}

// Letters takes dead letters. When Write returns nil all are acknowledged.
type Letters interface {
	Write(ctx context.Context, letters []dlq.Letter) error
}

// Guard pauses the service when too many records become letters; a dlq.Guard is
// one.
type Guard interface {
	// Check returns nil, or why nothing may be prepared.
	Check() error
	// Passed counts records that became no letter, and Buried one that did, in
	// their order.
	Passed(records int)
	Buried(class string)
}

// Deps is what a Sink works with. All but Failpoints is required.
type Deps struct {
	// NewBatch makes the memory for batches of a topic. Its error says that the
	// topic is none of the service's.
	NewBatch func(topic string) (Batch, error)
	Writer   Writer
	Letters  Letters
	Guard    Guard
	// Key names the columns of a table's sort key. It is asked for batches with a
	// plan only.
	Key        func(table string) []string
	Failpoints *failpoint.Set
	Log        *slog.Logger
	Meter      metric.Meter
}

func (d Deps) validate() error {
	var problems []error
	for _, need := range []struct {
		name    string
		missing bool
	}{
		{"NewBatch", d.NewBatch == nil},
		{"Writer", d.Writer == nil},
		{"Letters", d.Letters == nil},
		{"Guard", d.Guard == nil},
		{"Key", d.Key == nil},
		{"Log", d.Log == nil},
		{"Meter", d.Meter == nil},
	} {
		if need.missing {
			problems = append(problems, fmt.Errorf("dependency %s is missing", need.name))
		}
	}
	return errors.Join(problems...)
}

// Sink is a consumer.Sink.
type Sink struct {
	deps    Deps
	metrics *metrics
	tally   *tally
	panics  telemetry.Repeats

	mu     sync.Mutex
	topics map[string]*topic
}

// New returns a sink for any topic that deps.NewBatch knows. Its errors are those
// of deps.
func New(deps Deps) (*Sink, error) {
	if err := deps.validate(); err != nil {
		return nil, fmt.Errorf("checking the sink's dependencies: %w", err)
	}
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating the sink's instruments: %w", err)
	}
	return &Sink{deps: deps, metrics: metrics, tally: newTally(deps.Guard), topics: map[string]*topic{}}, nil
}

// Prepare implements consumer.Sink. It fails with dlq.ErrTripped while the guard
// pauses the service.
func (s *Sink) Prepare(ctx context.Context, records []consumer.Record) (consumer.Load, error) {
	started := time.Now()
	if len(records) == 0 {
		return nothing{}, nil
	}
	t := s.topic(records[0].Topic)
	if err := s.deps.Guard.Check(); err != nil {
		s.metrics.failed(ctx, t.name, "guard")
		return nil, err
	}
	l := &load{sink: s, topic: t, records: records, started: started}
	if err := l.prepare(ctx); err != nil {
		t.give(l.batch)
		s.metrics.failed(ctx, t.name, "prepare")
		return nil, fmt.Errorf("preparing %d records of %s: %w", len(records), t.name, err)
	}
	if c, isCompleter := l.batch.(Completer); isCompleter {
		l.isIncomplete = c.IsIncomplete()
	}
	return l, nil
}

func (s *Sink) topic(name string) *topic {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, isKnown := s.topics[name]
	if !isKnown {
		t = &topic{name: name, make: s.deps.NewBatch}
		s.topics[name] = t
	}
	return t
}

// nothing is the load of no records.
type nothing struct{}

func (nothing) Rejects() int                               { return 0 }
func (nothing) Bury(context.Context) error                 { return nil }
func (nothing) Store(context.Context, consumer.Plan) error { return nil }
func (nothing) Done(bool)                                  {}
