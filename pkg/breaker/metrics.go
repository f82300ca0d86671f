package breaker

import (
	"context"
	"errors"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

type metrics struct {
	name        attribute.KeyValue
	transitions metric.Int64Counter
	refusals    metric.Int64Counter
	retries     metric.Int64Counter
}

func newMetrics(meter metric.Meter, name string, state func() circuitbreaker.State) (*metrics, error) {
	m := &metrics{name: attribute.String("dependency", name)}
	var problems [5]error
	m.transitions, problems[0] = meter.Int64Counter("breaker_transitions_total", metric.WithUnit("{transition}"),
		metric.WithDescription("Changes of a breaker's state, by the new one."))
	m.refusals, problems[1] = meter.Int64Counter("breaker_refused_calls_total", metric.WithUnit("{call}"),
		metric.WithDescription("Calls not made because the breaker was open."))
	gauge, err := meter.Int64ObservableGauge("breaker_state", metric.WithUnit("1"),
		metric.WithDescription("State of a breaker: 0 closed, 1 open, 2 half-open."))
	problems[2] = err
	m.retries, problems[4] = meter.Int64Counter("breaker_retries_total", metric.WithUnit("{call}"),
		metric.WithDescription("Calls made again after one that failed."))
	of := metric.WithAttributeSet(attribute.NewSet(m.name))
	_, problems[3] = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(gauge, int64(state()), of)
		return nil
	}, gauge)
	return m, errors.Join(problems[:]...)
}

func (m *metrics) changed(ctx context.Context, to circuitbreaker.State) {
	m.transitions.Add(ctx, 1, metric.WithAttributes(m.name, attribute.String("to", to.String())))
}

func (m *metrics) refused(ctx context.Context) { m.refusals.Add(ctx, 1, metric.WithAttributes(m.name)) }

func (m *metrics) retried(ctx context.Context) { m.retries.Add(ctx, 1, metric.WithAttributes(m.name)) }
