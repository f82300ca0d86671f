package dlq_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/dlq"
)

// health is what the guard has said of itself.
type health map[string]string

func (h health) Degraded(part, reason string) { h[part] = reason }
func (h health) Healthy(part string)          { delete(h, part) }

// defaults is the configuration of an operator who sets nothing.
func defaults(t *testing.T) dlq.GuardConfig {
	t.Helper()
	var cfg struct {
		Guard dlq.GuardConfig `envconfig:"DLQ_GUARD"`
	}
	require.NoError(t, config.Load(&cfg))
	return cfg.Guard
}

func newGuard(t *testing.T, cfg dlq.GuardConfig) (*dlq.Guard, health, *bytes.Buffer) {
	t.Helper()
	h, log := health{}, &bytes.Buffer{}
	g, err := dlq.NewGuard(cfg, dlq.GuardDeps{Log: slog.New(slog.NewTextHandler(log, nil)), Meter: noop.Meter{}, Health: h})
	require.NoError(t, err)
	return g, h, log
}

func bury(g *dlq.Guard, letters int) {
	for range letters {
		g.Buried("syntax")
	}
}

// By default more than 5 % of the last 1 000 records and at least 20 letters
// pause the service, and nothing less does.
func TestGuardTrips(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(g *dlq.Guard)
		want string
	}{
		"19 of the first 19":       {func(g *dlq.Guard) { bury(g, 19) }, ""},
		"20 of the first 20":       {func(g *dlq.Guard) { bury(g, 20) }, "20 of the last 20 records"},
		"20 of the first 400":      {func(g *dlq.Guard) { g.Passed(380); bury(g, 20) }, ""},
		"20 of the first 399":      {func(g *dlq.Guard) { g.Passed(379); bury(g, 20) }, "20 of the last 399 records"},
		"50 of 1 000":              {func(g *dlq.Guard) { g.Passed(5000); bury(g, 50); g.Passed(10) }, ""},
		"51 of 1 000":              {func(g *dlq.Guard) { g.Passed(5000); bury(g, 51) }, "51 of the last 1000 records"},
		"1 000 in a row":           {func(g *dlq.Guard) { g.Passed(100_000); bury(g, 1000) }, "51 of the last 1000 records"},
		"1 000 in a row, then few": {func(g *dlq.Guard) { bury(g, 1000); g.Passed(100_000) }, "20 of the last 20 records"},
		"4 % for ever": {func(g *dlq.Guard) {
			for range 1000 {
				g.Passed(96)
				bury(g, 4)
			}
		}, ""},
		"50 in each of two windows": {func(g *dlq.Guard) {
			g.Passed(1000)
			bury(g, 50)
			g.Passed(999)
			bury(g, 50)
		}, ""},
		"50 and 50 too near": {func(g *dlq.Guard) {
			g.Passed(1000)
			bury(g, 50)
			g.Passed(949)
			bury(g, 50)
		}, "51 of the last 1000 records"},
	} {
		t.Run(name, func(t *testing.T) {
			g, h, log := newGuard(t, defaults(t))
			test.do(g)
			err := g.Check()
			if test.want == "" {
				require.NoError(t, err)
				assert.Empty(t, h)
				assert.Empty(t, log.String())
				return
			}
			require.ErrorIs(t, err, dlq.ErrTripped)
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, `"syntax"`)
			require.ErrorContains(t, err, "POST /dlq/resume")
			assert.Equal(t, health{"dead-letter guard": err.Error()}, h)
			assert.Equal(t, 1, strings.Count(log.String(), "\n"))
		})
	}
}

// After it is resumed the guard counts anew, without what batches that had begun
// before brought in meanwhile.
func TestGuardResumes(t *testing.T) {
	g, h, log := newGuard(t, defaults(t))
	assert.False(t, g.Resume())
	bury(g, 500)
	require.ErrorIs(t, g.Check(), dlq.ErrTripped)
	assert.True(t, g.Resume())
	require.NoError(t, g.Check())
	assert.Empty(t, h)
	assert.Equal(t, 2, strings.Count(log.String(), "\n"))
	bury(g, 19)
	require.NoError(t, g.Check())
	bury(g, 1)
	require.ErrorIs(t, g.Check(), dlq.ErrTripped)
}

// A guard that is switched off counts nothing.
func TestGuardOff(t *testing.T) {
	t.Setenv("DLQ_GUARD_ENABLED", "false")
	g, _, _ := newGuard(t, defaults(t))
	bury(g, 10_000)
	require.NoError(t, g.Check())
}

// Thresholds that could never or would always trip are refused by name.
func TestGuardConfiguration(t *testing.T) {
	for variable, values := range map[string][]string{
		"DLQ_GUARD_RATIO":       {"-0.1", "1", "5", "NaN"},
		"DLQ_GUARD_WINDOW":      {"0", "1000001", "19"},
		"DLQ_GUARD_MIN_LETTERS": {"0", "1001"},
	} {
		for _, value := range values {
			t.Run(variable+"="+value, func(t *testing.T) {
				t.Setenv(variable, value)
				var cfg struct {
					Guard dlq.GuardConfig `envconfig:"DLQ_GUARD"`
				}
				err := config.Load(&cfg)
				require.ErrorContains(t, err, "DLQ_GUARD_")
				_, err = dlq.NewGuard(cfg.Guard, dlq.GuardDeps{})
				require.Error(t, err)
			})
		}
	}
}

// An operator sees on the admin port why the service is paused, and ends the
// pause there.
func TestGuardAdmin(t *testing.T) {
	g, _, _ := newGuard(t, defaults(t))
	call := func(method string) (int, string) {
		answer := httptest.NewRecorder()
		g.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, "/dlq/resume", nil))
		return answer.Code, answer.Body.String()
	}
	bury(g, 30)
	status, body := call(http.MethodGet)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"tripped":true`)
	assert.Contains(t, body, `20 of the last 20`)
	assert.Contains(t, body, `"since":"`)
	require.Error(t, g.Check())

	status, body = call(http.MethodPost)
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"enabled":true,"tripped":false,"letters":0,"records":0,"window":1000,"ratio":0.05,"min_letters":20}`, body)
	require.NoError(t, g.Check())

	status, _ = call(http.MethodDelete)
	assert.Equal(t, http.StatusMethodNotAllowed, status)
}

// dlq_guard_tripped is what an alert is set on.
func TestGuardMetric(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	g, err := dlq.NewGuard(defaults(t), dlq.GuardDeps{
		Log: slog.New(slog.DiscardHandler), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"), Health: health{},
	})
	require.NoError(t, err)
	shown := func() int64 {
		var all metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(context.Background(), &all))
		require.Equal(t, "dlq_guard_tripped", all.ScopeMetrics[0].Metrics[0].Name)
		gauge, isGauge := all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64])
		require.True(t, isGauge)
		return gauge.DataPoints[0].Value
	}
	assert.Zero(t, shown())
	bury(g, 20)
	assert.EqualValues(t, 1, shown())
}

// BenchmarkGuard is the cost of a batch with a few letters among its records.
func BenchmarkGuard(b *testing.B) {
	g, err := dlq.NewGuard(dlq.GuardConfig{Enabled: true, Ratio: 0.05, Window: 1000, MinLetters: 20},
		dlq.GuardDeps{Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}, Health: health{}})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		for range 5 {
			g.Passed(10_000)
			g.Buried("syntax")
		}
	}
}
