package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/otlptranslator"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Config says how much a service reports.
type Config struct {
	LogLevel slog.Level `default:"INFO" desc:"Lowest level that is logged: DEBUG, INFO, WARN or ERROR."`
}

// Deps is what a service gives its telemetry. The admin address is a variable
// of the service, ADMIN_ADDR, since each has a default of its own.
type Deps struct {
	Service   string
	AdminAddr string
	Output    io.Writer
}

// Telemetry is one service's log, metrics and health.
type Telemetry struct {
	Log    *slog.Logger
	Health *Health

	adminAddr string
	provider  *sdkmetric.MeterProvider
	registry  *prometheus.Registry

	mu     sync.Mutex
	routes []route
}

// New sets up the telemetry of a service. Nothing is started: ServeAdmin does
// that.
func New(cfg Config, deps Deps) (*Telemetry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(deps.Service),
	)
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithoutSuffixes),
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("creating the metrics exporter: %w", err)
	}
	return &Telemetry{
		Log:       newLogger(deps.Output, cfg.LogLevel, deps.Service),
		Health:    newHealth(),
		adminAddr: deps.AdminAddr,
		provider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)),
		registry:  registry,
	}, nil
}

// Meter returns the meter for the instruments of one package.
func (t *Telemetry) Meter(name string) metric.Meter { return t.provider.Meter(name) }
