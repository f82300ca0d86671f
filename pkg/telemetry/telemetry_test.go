package telemetry_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTelemetry(t *testing.T, log io.Writer) *telemetry.Telemetry {
	t.Helper()
	tel, err := telemetry.New(telemetry.Config{}, telemetry.Deps{Service: "svc", AdminAddr: "127.0.0.1:0", Output: log})
	require.NoError(t, err)
	return tel
}

func get(t *testing.T, tel *telemetry.Telemetry, path string) (int, string) {
	t.Helper()
	res := httptest.NewRecorder()
	handler, err := tel.AdminHandler()
	require.NoError(t, err)
	handler.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return res.Code, res.Body.String()
}

// Dashboards are built on exact names: what a unit or a counter would append by
// default must not appear, whatever kind of instrument a name has.
func TestMetricNamesAreVerbatim(t *testing.T) {
	const counter, gauge, histogram = "counter", "gauge", "histogram"
	names := map[string]struct{ kind, unit string }{
		"cdc_lag_seconds":                            {histogram, "s"},
		"cdc_offset_commits_total":                   {counter, "{commit}"},
		"cdc_offset_commits_failed":                  {counter, "{commit}"},
		"event_processing_duration_seconds":          {histogram, "s"},
		"event_processing_errors_total":              {counter, "{error}"},
		"event_deduplication_hits":                   {counter, "{event}"},
		"event_deduplication_bypassed_total":         {counter, "{event}"},
		"cache_invalidation_lag_ms":                  {histogram, "ms"},
		"cache_hit_ratio":                            {gauge, "1"},
		"job_refresh_duration_seconds":               {histogram, "s"},
		"job_refresh_total":                          {counter, "{run}"},
		"clickhouse_query_duration_seconds":          {histogram, "s"},
		"clickhouse_batch_insert_duration_seconds":   {histogram, "s"},
		"clickhouse_errors_total":                    {counter, "{error}"},
		"materialized_view_staleness_seconds":        {gauge, "s"},
		"materialized_view_refresh_duration_seconds": {histogram, "s"},
		"breaker_state":                              {gauge, "1"},
		"ratio_of_bytes":                             {gauge, "By"},
	}
	tel := newTelemetry(t, io.Discard)
	meter := tel.Meter("test")
	for name, instrument := range names {
		switch instrument.kind {
		case counter:
			c, err := meter.Int64Counter(name, metric.WithUnit(instrument.unit))
			require.NoError(t, err)
			c.Add(t.Context(), 3)
		case gauge:
			g, err := meter.Float64Gauge(name, metric.WithUnit(instrument.unit))
			require.NoError(t, err)
			g.Record(t.Context(), 3)
		default:
			h, err := meter.Float64Histogram(name, metric.WithUnit(instrument.unit))
			require.NoError(t, err)
			h.Record(t.Context(), 3)
		}
	}
	_, body := get(t, tel, "/metrics")
	for name, instrument := range names {
		line := "\n" + name + " 3\n"
		if instrument.kind == histogram {
			line = "\n" + name + "_count 1\n"
		}
		assert.Contains(t, body, line)
	}
	assert.NotContains(t, body, "otel_scope")
	assert.NotContains(t, body, "target_info")
}

// What runs, and how its runtime does, is there without an instrument.
func TestProcessMetrics(t *testing.T) {
	_, body := get(t, newTelemetry(t, io.Discard), "/metrics")
	for _, text := range []string{
		"\nbuild_info{goversion=\"" + runtime.Version() + "\",revision=\"", "service=\"svc\",version=\"",
		"\ngo_goroutines ", "\ngo_memstats_heap_inuse_bytes ", "\ngo_sched_latencies_seconds_count ", "\nprocess_resident_memory_bytes ",
	} {
		assert.Contains(t, body, text)
	}
}

// A degraded service stays ready and says why; a starting or draining one is
// not ready.
func TestReadiness(t *testing.T) {
	tel := newTelemetry(t, io.Discard)
	status, body := get(t, tel, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.JSONEq(t, `{"status":"starting"}`, body)

	tel.Health.Ready()
	tel.Health.Degraded("clickhouse", "connection refused")
	status, body = get(t, tel, "/readyz")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status":"degraded","degraded":{"clickhouse":"connection refused"}}`, body)

	tel.Health.Healthy("clickhouse")
	status, body = get(t, tel, "/readyz")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status":"ready"}`, body)

	tel.Health.Draining()
	status, _ = get(t, tel, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	status, _ = get(t, tel, "/livez")
	require.Equal(t, http.StatusOK, status)
}

// A line can be found from a trace, in children of the logger too.
func TestLogHoldsTraceIDs(t *testing.T) {
	var log bytes.Buffer
	tel := newTelemetry(t, &log)
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	tel.Log.With("a", 1).WithGroup("g").InfoContext(trace.ContextWithSpanContext(t.Context(), span), "m")
	require.Contains(t, log.String(), `"trace_id":"01000000000000000000000000000000"`)
	require.Contains(t, log.String(), `"service":"svc"`)
	tel.Log.Debug("hidden")
	require.NotContains(t, log.String(), "hidden")
}
