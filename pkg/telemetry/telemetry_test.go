package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

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
	tel.AdminHandler().ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return res.Code, res.Body.String()
}

// Dashboards are built on exact names: what a unit or a counter would append
// by default must not appear.
func TestMetricNamesAreVerbatim(t *testing.T) {
	tel := newTelemetry(t, io.Discard)
	meter := tel.Meter("test")
	for _, name := range []string{"cdc_offset_commits_total", "cdc_offset_commits_failed", "event_deduplication_hits"} {
		counter, err := meter.Int64Counter(name, metric.WithUnit("{record}"))
		require.NoError(t, err)
		counter.Add(t.Context(), 3)
	}
	gauge, err := meter.Float64Gauge("cache_hit_ratio", metric.WithUnit("1"))
	require.NoError(t, err)
	gauge.Record(t.Context(), 0.5)
	lag, err := meter.Float64Histogram("cache_invalidation_lag_ms", metric.WithUnit("ms"))
	require.NoError(t, err)
	lag.Record(t.Context(), 1)

	_, body := get(t, tel, "/metrics")
	for _, line := range []string{
		"\ncdc_offset_commits_total 3\n", "\ncdc_offset_commits_failed 3\n", "\nevent_deduplication_hits 3\n",
		"\ncache_hit_ratio 0.5\n", "\ncache_invalidation_lag_ms_count 1\n",
	} {
		require.Contains(t, body, line)
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

// The admin server ends with its context, and a taken port is an error that
// names the variable.
func TestServeAdmin(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, newTelemetry(t, io.Discard).ServeAdmin(ctx))

	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	tel, err := telemetry.New(telemetry.Config{}, telemetry.Deps{Service: "svc", AdminAddr: taken.Listener.Addr().String(), Output: io.Discard})
	require.NoError(t, err)
	require.ErrorContains(t, tel.ServeAdmin(t.Context()), "ADMIN_ADDR")
}
