package breaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
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
	trials  trials
	retries failsafe.Executor[any] // nil: none
	metrics *metrics
	// last is the newest failure, which is what opened the breaker.
	last atomic.Pointer[string]
	// changes counts the changes of state.
	changes atomic.Int64
	// telling orders what is said of changes.
	telling sync.Mutex
}

// New returns a closed breaker. Its errors are those of cfg and of the meter.
func New(cfg Config, deps Deps) (*Breaker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the configuration of the breaker of %s: %w", deps.Name, err)
	}
	b := &Breaker{deps: deps, trials: newTrials(cfg.Successes)}
	b.circuit = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(cfg.Failures).
		WithSuccessThreshold(cfg.Successes).
		WithDelay(cfg.Delay).
		WithJitter(cfg.Jitter).
		OnStateChanged(b.changed).
		Build()
	b.retries = newRetries(cfg, b)
	var err error
	if b.metrics, err = newMetrics(deps.Meter, deps.Name, b.circuit.State); err != nil {
		return nil, fmt.Errorf("creating the instruments of the breaker of %s: %w", deps.Name, err)
	}
	return b, nil
}

// IsClosed says whether calls are made as usual.
func (b *Breaker) IsClosed() bool { return b.circuit.IsClosed() }

// RemainingDelay returns the time until an open breaker lets a trial through, and
// 0 when it is not open.
func (b *Breaker) RemainingDelay() time.Duration { return b.circuit.RemainingDelay() }

// Do makes the call and returns its error as it is, or, without making it, an
// error that is ErrOpen and tells what opened the breaker.
//
// A call that is cancelled says nothing of the dependency, unless it is the trial
// of an open breaker: then somebody else has to try. One that runs out of time is
// judged by IsFailure. One that began before the breaker last opened or closed
// says nothing of what the dependency is like now.
func (b *Breaker) Do(ctx context.Context, call func(ctx context.Context) error) error {
	if !b.circuit.TryAcquirePermit() {
		b.metrics.refused(ctx)
		return b.refusal()
	}
	isTrial, changes := !b.circuit.IsClosed(), b.changes.Load()
	if isTrial {
		b.trials.begin()
		defer b.trials.end()
	}
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
	case isOver, !isTrial && changes != b.changes.Load():
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

// refusal is the error of a call that is not made.
func (b *Breaker) refusal() error {
	if reason := b.last.Load(); reason != nil {
		return fmt.Errorf("%s: %w: %s", b.deps.Name, ErrOpen, *reason)
	}
	return fmt.Errorf("%s: %w", b.deps.Name, ErrOpen)
}

// changed tells of a change of state. Two of them may get here in either order,
// so health is told of the state that there is now. A half-open breaker is still
// impaired.
func (b *Breaker) changed(event circuitbreaker.StateChangedEvent) {
	b.changes.Add(1)
	b.metrics.changed(context.Background(), event.NewState)
	b.telling.Lock()
	defer b.telling.Unlock()
	reason := "its breaker is open"
	if last := b.last.Load(); last != nil {
		reason += ": " + *last
	}
	if b.circuit.IsClosed() {
		b.deps.Health.Healthy(b.deps.Name)
	} else {
		b.deps.Health.Degraded(b.deps.Name, reason)
	}
	switch {
	case event.NewState == circuitbreaker.ClosedState:
		b.deps.Log.Info("breaker closed", "dependency", b.deps.Name)
	case event.NewState == circuitbreaker.HalfOpenState:
		b.deps.Log.Debug("breaker lets a trial through", "dependency", b.deps.Name)
	case event.OldState == circuitbreaker.ClosedState:
		b.deps.Log.Warn("breaker opened", "dependency", b.deps.Name, "reason", reason)
	}
	b.trials.wake()
}
