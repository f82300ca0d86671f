package clickhouse_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// TestCallsAreMeasured holds the names of the metrics and what each counts: time
// and size of inserts by table, time of queries, and errors by class and code.
func TestCallsAreMeasured(t *testing.T) {
	server := chtest.Start(t)
	server.Exec("CREATE TABLE numbers (id UInt8) ENGINE = MergeTree ORDER BY id")
	reader := sdkmetric.NewManualReader()
	pool, err := clickhouse.Open(clickhouse.Config{
		Addr: []string{server.Addr}, Database: "nova", Username: "default", Compression: clickhouse.LZ4, DialTimeout: patience, Timeout: patience, MaxConns: 1,
	}, clickhouse.Deps{
		Log: slog.New(slog.DiscardHandler), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter(""),
	})
	require.NoError(t, err)
	defer pool.Close()
	id := block.UInt8("id")
	id.Append(1)
	id.Append(2)
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "numbers", Block: block.New(id)}))
	require.NoError(t, pool.Ping(t.Context()))
	require.Error(t, pool.Exec(t.Context(), "SELECT * FROM absent", nil))

	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &collected))
	found := map[string]string{}
	for _, metric := range collected.ScopeMetrics[0].Metrics {
		switch data := metric.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, point := range data.DataPoints {
				found[metric.Name+" "+point.Attributes.Encoded(encoder{})] = "measured"
			}
		case metricdata.Histogram[int64]:
			for _, point := range data.DataPoints {
				found[metric.Name+" "+point.Attributes.Encoded(encoder{})] = number(point.Sum)
			}
		case metricdata.Sum[int64]:
			for _, point := range data.DataPoints {
				found[metric.Name+" "+point.Attributes.Encoded(encoder{})] = number(point.Value)
			}
		}
	}
	assert.Equal(t, map[string]string{
		"clickhouse_batch_insert_duration_seconds outcome=ok table=numbers": "measured",
		"clickhouse_insert_rows table=numbers":                              "2",
		"clickhouse_insert_bytes table=numbers":                             "2",
		"clickhouse_query_duration_seconds outcome=ok":                      "measured",
		"clickhouse_query_duration_seconds outcome=schema":                  "measured",
		"clickhouse_errors_total class=schema code=UNKNOWN_TABLE":           "1",
	}, found)
}
