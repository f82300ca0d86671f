package ingest

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// server is all that a Sink works with. It refuses one row of a block, and takes the
// rest once that row's letter is written.
type server struct {
	t       *testing.T
	refuses int // a row
	away    error
	letters []string
	stored  []int // rows
}

func (s *server) Ping(context.Context) error { return s.away }

func (s *server) Begin(insert sink.Insert) sink.Storing {
	assert.Empty(s.t, insert.Token, "rows replace each other, and a token could only lose some")
	return &storing{s, insert}
}

func (s *server) Refused(context.Context, sink.Insert) ([]sink.Refusal, error) {
	return []sink.Refusal{{Row: s.refuses, Err: errors.New("violated")}}, nil
}

type storing struct {
	*server

	insert sink.Insert
}

func (s *storing) Try(context.Context) error {
	if len(s.letters) == 0 {
		return &clickhouse.Error{Class: clickhouse.Data}
	}
	s.stored = append(s.stored, s.insert.Block.Rows())
	return nil
}

func (s *server) Write(_ context.Context, letters []dlq.Letter) error {
	for _, letter := range letters {
		s.letters = append(s.letters, letter.ErrorClass+" "+letter.Origin())
	}
	return nil
}

func (s *server) Earlier(context.Context, table.Table, []table.Need) (map[string]table.Earlier, error) {
	assert.Fail(s.t, "nobody needs an earlier row")
	return nil, nil
}

func (s *server) Truncate(context.Context, table.Table, uint64) error {
	assert.Fail(s.t, "nothing is truncated")
	return nil
}

func (s *server) Insert(context.Context, string, *block.Block) error {
	assert.Fail(s.t, "nothing is swept")
	return nil
}

func (s *server) StoredEvents(context.Context, []event.Event) (map[stored.Identity]bool, error) {
	assert.Fail(s.t, "nobody asks for events")
	return nil, nil
}

func (*server) Newest(context.Context, table.Table) (uint64, error) { return 0, nil }

func (*server) Check() error  { return nil }
func (*server) Passed(int)    {}
func (*server) Buried(string) {}

func open(t *testing.T, s *server) *Sink {
	t.Helper()
	stored, err := New(Deps{
		Tables: table.All(), Epochs: debezium.Epochs{"nova": 0},
		Store: s, Pinger: s, Writer: s, Letters: s, Guard: s, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{},
	})
	require.NoError(t, err)
	return stored
}

// When the table refuses one of the two rows of an update, the update is the letter
// and neither of its rows is stored: alone, the other would take the follow out of
// its views.
func TestRefusedRowOfTwo(t *testing.T) {
	s := &server{t: t, refuses: 2}
	load, err := open(t, s).Prepare(t.Context(), on("cdc.follows",
		follow("c", "", likeID), follow("u", likeID, followID), follow("u", followID, followID)))
	require.NoError(t, err)
	require.ErrorIs(t, load.Store(t.Context(), consumer.Plan{}), consumer.ErrRejected)
	require.NoError(t, load.Bury(t.Context()))
	require.NoError(t, load.Store(t.Context(), consumer.Plan{}))
	load.Done(true)
	assert.Equal(t, []string{"clickhouse_rejected cdc.follows/0/1"}, s.letters)
	assert.Equal(t, []int{2}, s.stored)
}

// A topic without a table, which only a wrong wiring brings here, is an error and
// no silent loss.
func TestTopicWithoutTable(t *testing.T) {
	_, err := open(t, &server{t: t}).Prepare(t.Context(), []consumer.Record{{Topic: "cdc.other"}})
	require.ErrorContains(t, err, "cdc.other")
}

// A member that has left comes back when ClickHouse answers it.
func TestProbe(t *testing.T) {
	s := &server{t: t, away: errors.New("away")}
	stored := open(t, s)
	require.ErrorIs(t, stored.Probe(t.Context()), s.away)
	s.away = nil
	require.NoError(t, stored.Probe(t.Context()))
}
