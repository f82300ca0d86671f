package sink_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/sink"
)

// discard is a Writer that takes everything, a Batch with a row for each record
// whose value is not "bad", and takes letters.
type discard struct {
	block   *block.Block
	value   *block.StringColumn
	records []int
}

func newDiscard() *discard {
	value := block.String("value")
	return &discard{block: block.New(value), value: value}
}

func (*discard) Begin(sink.Insert) sink.Storing            { return taken{} }
func (*discard) Write(context.Context, []dlq.Letter) error { return nil }
func (*discard) Refused(context.Context, sink.Insert) ([]sink.Refusal, error) {
	return nil, nil
}

type taken struct{}

func (taken) Try(context.Context) error { return nil }

func (d *discard) Fill(_ context.Context, records []consumer.Record, reject func(int, sink.Rejection)) error {
	for i := range records {
		if len(records[i].Value) == 3 {
			reject(i, sink.Rejection{Class: "syntax", Err: errAway})
			continue
		}
		d.value.AppendBytes(records[i].Value)
		d.records = append(d.records, i)
	}
	return nil
}

func (d *discard) Table() string          { return table }
func (d *discard) Block() *block.Block    { return d.block }
func (d *discard) RecordOf(row int) int   { return d.records[row] }
func (d *discard) Stored(context.Context) {}

func (d *discard) Reset() {
	d.block.Reset()
	d.records = d.records[:0]
}

// newBare returns a sink whose parts cost nothing.
func newBare(tb testing.TB) *sink.Sink {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	guard, err := dlq.NewGuard(dlq.GuardConfig{Enabled: true, Ratio: 0.5, Window: 1000, MinLetters: 1000},
		dlq.GuardDeps{Log: log, Meter: noop.Meter{}, Health: &world{}})
	require.NoError(tb, err)
	s, err := sink.New(sink.Deps{
		NewBatch: func(string) (sink.Batch, error) { return newDiscard(), nil },
		Writer:   newDiscard(), Letters: newDiscard(), Guard: guard, Key: func(string) []string { return nil },
		Log: log, Meter: noop.Meter{},
	})
	require.NoError(tb, err)
	return s
}

func pass(tb testing.TB, s *sink.Sink, all []consumer.Record) {
	tb.Helper()
	l, err := s.Prepare(tb.Context(), all)
	require.NoError(tb, err)
	require.NoError(tb, l.Bury(tb.Context()))
	require.NoError(tb, l.Store(tb.Context(), plan))
	l.Done(true)
}

// However many rows a batch has, it costs the same few allocations once its memory
// is warm.
func TestRowsCostNoAllocation(t *testing.T) {
	s := newBare(t)
	allocations := func(rows int) float64 {
		all := records(strings.Repeat("value ", rows))
		return testing.AllocsPerRun(20, func() { pass(t, s, all) })
	}
	few, many := allocations(10), allocations(20_000)
	assert.InDelta(t, few, many, 5, "allocations of 10 and of 20 000 rows")
	assert.Less(t, many, 60.0)
}

// BenchmarkSink is the cost of one record, beside that of its Batch: without
// poison, and with one poison record in a hundred.
func BenchmarkSink(b *testing.B) {
	for name, words := range map[string]string{"good": strings.Repeat("value ", 100), "poison": strings.Repeat("value ", 99) + "bad "} {
		b.Run(name, func(b *testing.B) {
			s := newBare(b)
			all := records(strings.Repeat(words, 200))
			b.ReportAllocs()
			b.SetBytes(5)
			for done := 0; done < b.N; done += len(all) {
				pass(b, s, all)
			}
		})
	}
}
