package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/ingest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("away")

// journal is a Store and a Letters that notes what it is given, in order, and
// fails where it is told to.
type journal struct {
	lines                  []string
	failInsert, failLetter bool
}

func (j *journal) Insert(_ context.Context, insert clickhouse.Insert) error {
	if j.failInsert {
		return errAway
	}
	j.lines = append(j.lines, fmt.Sprintf("%d rows into %s", insert.Block.Rows(), insert.Table))
	return insert.Block.Check()
}

func (j *journal) Write(_ context.Context, letters []dlq.Letter) error {
	if j.failLetter {
		return errAway
	}
	for _, letter := range letters {
		j.lines = append(j.lines, fmt.Sprintf("letter %s of %s", letter.ErrorClass, letter.Origin()))
	}
	return nil
}

func handler(t *testing.T, j *journal, options ...func(*ingest.Deps)) *ingest.Handler {
	t.Helper()
	deps := ingest.Deps{
		Tables:  table.All(),
		Epochs:  debezium.Epochs{"nova": 0},
		Store:   j,
		Letters: j,
		Log:     slog.New(slog.DiscardHandler),
		Meter:   noop.NewMeterProvider().Meter(""),
	}
	for _, option := range options {
		option(&deps)
	}
	h, err := ingest.New(deps)
	require.NoError(t, err)
	return h
}

const likeID = "55555555-0000-4000-8000-000000000001"

// like is a change of a like, with more columns behind its own.
func like(op, more string, committed time.Time) cdctest.Record {
	return cdctest.Change{
		Op: op, Table: "likes", LSN: 800, CommitMillis: committed.UnixMilli(),
		After: `{"id":"` + likeID + `","post_id":"` + likeID + `","user_id":"` + likeID + `","created_at":"infinity"` + more + `}`,
	}.Record(likeID)
}

// on puts records on the topic of the likes, offsets from 0.
func on(records ...cdctest.Record) []consumer.Record {
	all := make([]consumer.Record, 0, len(records))
	for i, r := range records {
		all = append(all, consumer.Record{Topic: "cdc.likes", Offset: int64(i), Key: r.Key, Value: r.Value, Headers: []consumer.Header{{Key: "h", Value: []byte("v")}}})
	}
	return all
}

// One batch is one insert of all its rows, and then its letters: what is neither
// is counted and passed.
func TestRowsThenLetters(t *testing.T) {
	j := &journal{}
	require.NoError(t, handler(t, j).Handle(t.Context(), on(
		like("c", "", time.Now()),
		cdctest.Record{Key: []byte("{}"), Value: []byte("garbage")},
		cdctest.Record{Key: []byte("{}")},
		cdctest.Record{Value: []byte(`{"ts_ms":1}`)},
		cdctest.Record{Value: like("c", "", time.Now()).Value},
		like("u", "", time.Now()),
	)))
	assert.Equal(t, []string{"2 rows into likes", "letter malformed of cdc.likes/0/1", "letter key of cdc.likes/0/4"}, j.lines)
}

// While a dependency is away the records come again: no letter is written twice
// for ClickHouse's absence, and none is given up for Kafka's.
func TestAbsentDependency(t *testing.T) {
	j := &journal{failInsert: true}
	h := handler(t, j)
	records := on(like("c", "", time.Now()), cdctest.Record{Key: []byte("{}"), Value: []byte("garbage")})
	for range 3 {
		require.ErrorIs(t, h.Handle(t.Context(), records), errAway)
	}
	assert.Empty(t, j.lines)
	j.failInsert, j.failLetter = false, true
	require.ErrorIs(t, h.Handle(t.Context(), records), errAway)
	j.failLetter = false
	require.NoError(t, h.Handle(t.Context(), records))
	assert.Equal(t, []string{"1 rows into likes", "1 rows into likes", "letter malformed of cdc.likes/0/1"}, j.lines)
}

// A topic without a table, which only a wrong wiring brings here, is an error
// and no silent loss.
func TestTopicWithoutTable(t *testing.T) {
	require.ErrorContains(t, handler(t, &journal{}).Handle(t.Context(), []consumer.Record{{Topic: "cdc.other"}}), "cdc.other")
	require.NoError(t, handler(t, &journal{}).Handle(t.Context(), nil))
}

// The metrics say how far behind the rows are and what was left out; a snapshot,
// or a change without its time, says nothing about lag, and column names cannot make labels without end.
func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	h := handler(t, &journal{}, func(deps *ingest.Deps) { deps.Meter = provider.Meter("ingest") })
	records := []cdctest.Record{
		like("c", `,"mood":1`, time.Now().Add(-2*time.Second)),
		like("r", `,"mood":1`, time.Time{}),
		like("c", "", time.UnixMilli(0)),
		{Key: []byte("{}")},
		{Key: []byte("{}"), Value: []byte("garbage")},
	}
	for n := range 200 {
		records = append(records, like("r", fmt.Sprintf(`,"c%d":1`, n), time.Time{}))
	}
	require.NoError(t, h.Handle(t.Context(), on(records...)))

	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &collected))
	sums, series := map[string]int64{}, map[string]int{}
	var lag metricdata.HistogramDataPoint[float64]
	for _, m := range collected.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			series[m.Name] = len(data.DataPoints)
			for _, point := range data.DataPoints {
				sums[m.Name] += point.Value
			}
		case metricdata.Histogram[float64]:
			require.Equal(t, "cdc_lag_seconds", m.Name)
			lag = data.DataPoints[0]
		}
	}
	assert.Equal(t, map[string]int64{
		"cdc_rows_total": 203, "cdc_records_ignored_total": 1, "cdc_records_refused_total": 1,
		"cdc_unknown_columns_total": 202, "cdc_saturated_values_total": 203,
	}, sums)
	assert.LessOrEqual(t, series["cdc_unknown_columns_total"], 101)
	assert.Equal(t, uint64(1), lag.Count)
	assert.InDelta(t, 2, lag.Sum, 1.5)
}

// BenchmarkHandle is what one row costs from Debezium's JSON to a block.
func BenchmarkHandle(b *testing.B) {
	h, err := ingest.New(ingest.Deps{
		Tables: table.All(), Epochs: debezium.Epochs{"nova": 0}, Store: &discard{}, Letters: &journal{},
		Log: slog.New(slog.DiscardHandler), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())).Meter(""),
	})
	require.NoError(b, err)
	const rows = 1000
	records := make([]consumer.Record, 0, rows)
	captured := cdctest.Capture(b, "comments")[0]
	for range rows {
		records = append(records, consumer.Record{Topic: "cdc.comments", Key: captured.Key, Value: captured.Value})
	}
	b.SetBytes(int64(len(captured.Value)))
	b.ReportAllocs()
	for i := 0; i < b.N; i += rows {
		require.NoError(b, h.Handle(b.Context(), records[:min(rows, b.N-i)]))
	}
}

type discard struct{}

func (discard) Insert(context.Context, clickhouse.Insert) error { return nil }
