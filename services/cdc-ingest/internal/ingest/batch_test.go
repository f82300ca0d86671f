package ingest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	likeID   = "55555555-0000-4000-8000-000000000001"
	followID = "66666666-0000-4000-8000-000000000001"
)

// batchOf returns an empty batch for the table that PostgreSQL calls source.
func batchOf(tb testing.TB, source string, meter metric.Meter) *batch {
	tb.Helper()
	m, err := newMetrics(meter)
	require.NoError(tb, err)
	for _, mapped := range table.All() {
		if mapped.Source == source {
			return newBatch(mapped, Deps{Epochs: debezium.Epochs{"nova": 0}}, m)
		}
	}
	require.Fail(tb, "no such table", source)
	return nil
}

// fill fills a batch anew, and returns the classes of rejected records.
func fill(tb testing.TB, b *batch, records []consumer.Record) (map[int]string, error) {
	tb.Helper()
	classes := map[int]string{}
	b.Reset()
	err := b.Fill(tb.Context(), records, func(i int, r sink.Rejection) {
		assert.Error(tb, r.Err)
		assert.NotContains(tb, classes, i, "rejected twice")
		classes[i] = r.Class
	})
	require.NoError(tb, b.Block().Check())
	return classes, err
}

// places are the records of the rows.
func places(b *batch) []int {
	var all []int
	for row := range b.Block().Rows() {
		all = append(all, b.RecordOf(row))
	}
	return all
}

// like is a change of a like, with more columns behind its own.
func like(op, more string, committed time.Time) cdctest.Record {
	return cdctest.Change{
		Op: op, Table: "likes", LSN: 800, CommitMillis: committed.UnixMilli(),
		After: `{"id":"` + likeID + `","post_id":"` + likeID + `","user_id":"` + likeID + `","created_at":"infinity"` + more + `}`,
	}.Record(likeID)
}

// follow is a change of who follows whom; an empty old is none.
func follow(op, old, now string) cdctest.Record {
	row := func(followee string) string {
		if followee == "" {
			return ""
		}
		return `{"id":"` + followID + `","follower_id":"` + likeID + `","following_id":"` + followee + `","created_at":"2026-01-01T00:00:00Z"}`
	}
	return cdctest.Change{Op: op, Table: "follows", LSN: 800, Before: row(old), After: row(now)}.Record(followID)
}

// on puts records on a topic, offsets from 0.
func on(topic string, records ...cdctest.Record) []consumer.Record {
	all := make([]consumer.Record, 0, len(records))
	for i, r := range records {
		all = append(all, consumer.Record{Topic: topic, Offset: int64(i), Key: r.Key, Value: r.Value})
	}
	return all
}

// A record is its row, or rejected with its reason, or carries nothing to store.
// What was in a batch before makes no difference to what is filled into it.
func TestFill(t *testing.T) {
	garbage := cdctest.Record{Key: []byte("{}"), Value: []byte("garbage")}
	records := on("cdc.likes",
		like("c", "", time.Now()),
		garbage,
		cdctest.Record{Key: []byte("{}")},
		cdctest.Record{Value: []byte(`{"ts_ms":1}`)},
		cdctest.Record{Value: like("c", "", time.Now()).Value},
		like("u", "", time.Now()),
	)
	b := batchOf(t, "likes", noop.Meter{})
	assert.Equal(t, "likes", b.Table())
	for range 2 {
		classes, err := fill(t, b, records)
		require.NoError(t, err)
		assert.Equal(t, map[int]string{1: "malformed", 4: "key"}, classes)
		assert.Equal(t, []int{0, 5}, places(b))

		classes, err = fill(t, b, on("cdc.likes", garbage))
		require.NoError(t, err)
		assert.Equal(t, map[int]string{0: "malformed"}, classes)
		assert.Empty(t, places(b))
	}
}

// Both rows of an update that changes a view's key are traced to their record, and
// so are the rows behind them.
func TestTwoRowsOfARecord(t *testing.T) {
	b := batchOf(t, "follows", noop.Meter{})
	classes, err := fill(t, b, on("cdc.follows",
		follow("c", "", likeID),
		follow("u", "", followID), // without the old row, so it is left out for now
		follow("u", likeID, followID),
		follow("u", followID, followID),
	))
	require.NoError(t, err)
	assert.Empty(t, classes)
	assert.Equal(t, []int{0, 2, 2, 3}, places(b))
	assert.True(t, b.IsIncomplete())
}

// A topic prefix without an epoch is no record's fault: nothing is rejected for it,
// and the error is the line to add.
func TestPrefixWithoutAnEpoch(t *testing.T) {
	unmapped := cdctest.Change{Op: "c", Table: "likes", LSN: 800, Prefix: "nova2", After: "{}"}.Record(likeID)
	classes, err := fill(t, batchOf(t, "likes", noop.Meter{}), on("cdc.likes", unmapped))
	require.ErrorContains(t, err, "CDC_EPOCHS=nova2:1,nova:0")
	assert.Empty(t, classes)
}

// The metrics say how far behind the rows are and what was left out; a snapshot,
// or a change without its time, says nothing about lag, and column names cannot make labels without end.
func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	b := batchOf(t, "likes", sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("ingest"))
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
	for range 3 { // a batch is filled again and stored once
		_, err := fill(t, b, on("cdc.likes", records...))
		require.NoError(t, err)
	}
	b.Stored(t.Context())

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
		"cdc_records_ignored_total": 1, "cdc_unknown_columns_total": 202, "cdc_saturated_values_total": 203,
		"cdc_completed_rows_total": 0, "cdc_superseded_changes_total": 0,
	}, sums)
	assert.LessOrEqual(t, series["cdc_unknown_columns_total"], 101)
	assert.Equal(t, uint64(1), lag.Count)
	assert.InDelta(t, 2, lag.Sum, 1.5)
}

// BenchmarkFill is what one row costs from Debezium's JSON to a block.
func BenchmarkFill(b *testing.B) {
	const rows = 1000
	captured := cdctest.Capture(b, "comments")[0]
	records := make([]consumer.Record, 0, rows)
	for range rows {
		records = append(records, consumer.Record{Topic: "cdc.comments", Key: captured.Key, Value: captured.Value})
	}
	filled := batchOf(b, "comments", sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())).Meter(""))
	b.SetBytes(int64(len(captured.Value)))
	b.ReportAllocs()
	for done := 0; done < b.N; done += rows {
		filled.Reset()
		require.NoError(b, filled.Fill(b.Context(), records[:min(rows, b.N-done)], func(int, sink.Rejection) { b.Fatal("rejected") }))
		filled.Stored(b.Context())
	}
}
