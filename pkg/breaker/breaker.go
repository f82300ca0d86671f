package breaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"go.opentelemetry.io/otel/metric"
)

// ErrOpen says that a call was not made because the breaker is open.
var ErrOpen = errors.New("breaker is open")

// Deps is what a Breaker is given by its owner. All of it is required.
type Deps struct {
	// Name is that of the dependency, in logs, metrics and health.
	Name string
	// IsFailure tells which errors of a call speak against the dependency.
	IsFailure func(error) bool
	Log       *slog.Logger
	Meter     metric.Meter
	Health    Health
}

// Health is told what works worse than it should.
type Health interface {
	// Degraded says that part is impaired, and why, until Healthy.
	Degraded(part, reason string)
	// Healthy takes back what Degraded said of part.
	Healthy(part string)
}

// Breaker is the breaker of one dependency.
type Breaker struct {
	deps    Deps
	circuit circuitbreaker.CircuitBreaker[any]
	metrics *metrics
	// last is the newest failure, which is what opened the breaker.
	last atomic.Pointer[string]
}

// New returns a closed breaker. Its errors are those of cfg and of the meter.
func New(cfg Config, deps Deps) (*Breaker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the configuration of the breaker of %s: %w", deps.Name, err)
	}
	b := &Breaker{deps: deps}
	b.circuit = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(cfg.Failures).
		WithSuccessThreshold(cfg.Successes).
		WithDelay(cfg.Delay).
		WithJitter(cfg.Jitter).
		OnStateChanged(b.changed).
		Build()
	var err error
	if b.metrics, err = newMetrics(deps.Meter, deps.Name, b.circuit.State); err != nil {
		return nil, fmt.Errorf("creating the instruments of the breaker of %s: %w", deps.Name, err)
	}
	return b, nil
}

// IsClosed says whether calls are made as usual.
func (b *Breaker) IsClosed() bool { return b.circuit.IsClosed() }

// Do makes the call and returns its error as it is, or, without making it, an
// error that is ErrOpen and tells what opened the breaker.
//
// A call that is cancelled says nothing of the dependency, unless it is the trial
// of an open breaker: then somebody else has to try. One that runs out of time is
// judged by IsFailure.
func (b *Breaker) Do(ctx context.Context, call func(ctx context.Context) error) error {
	if !b.circuit.TryAcquirePermit() {
		b.metrics.refused(ctx)
		if reason := b.last.Load(); reason != nil {
			return fmt.Errorf("%s: %w: %s", b.deps.Name, ErrOpen, *reason)
		}
		return fmt.Errorf("%s: %w", b.deps.Name, ErrOpen)
	}
	isTrial := !b.circuit.IsClosed()
	hasReturned := false
	// A permit that is not given back would keep the breaker open for ever.
	defer func() {
		if !hasReturned {
			b.failed("a call has panicked")
		}
	}()
	err := call(ctx)
	hasReturned = true
	isOver := err != nil && errors.Is(ctx.Err(), context.Canceled)
	switch {
	case isOver && isTrial:
		b.failed("the trial was given up: " + err.Error())
	case isOver:
	case err != nil && b.deps.IsFailure(err):
		b.failed(err.Error())
	default:
		b.circuit.RecordSuccess()
	}
	return err
}

func (b *Breaker) failed(reason string) {
	b.last.Store(&reason)
	b.circuit.RecordFailure()
}

// changed tells of a change of state. A half-open breaker is still impaired.
func (b *Breaker) changed(event circuitbreaker.StateChangedEvent) {
	b.metrics.changed(context.Background(), event.NewState)
	switch event.NewState {
	case circuitbreaker.OpenState:
		reason := "its breaker is open"
		if last := b.last.Load(); last != nil {
			reason += ": " + *last
		}
		b.deps.Health.Degraded(b.deps.Name, reason)
		if event.OldState == circuitbreaker.ClosedState {
			b.deps.Log.Warn("breaker opened", "dependency", b.deps.Name, "reason", reason)
		}
	case circuitbreaker.ClosedState:
		b.deps.Health.Healthy(b.deps.Name)
		b.deps.Log.Info("breaker closed", "dependency", b.deps.Name)
	case circuitbreaker.HalfOpenState:
		b.deps.Log.Debug("breaker lets a trial through", "dependency", b.deps.Name)
	}
}
