package breaker

import (
	"context"
	"errors"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// backoffJitter is the share by which a backoff is longer or shorter.
const backoffJitter = 0.25

// Retry makes a call that may be repeated, through Do: again after an error that
// speaks against the dependency, up to Config.Retries times, with a growing
// pause. It ends with the first other error, with ErrOpen and with ctx, and
// returns what the last call did.
func (b *Breaker) Retry(ctx context.Context, call func(ctx context.Context) error) error {
	if b.retries == nil {
		return b.Do(ctx, call)
	}
	var last error
	// The executor answers with ctx's error even when the call has succeeded.
	_ = b.retries.WithContext(ctx).Run(func() error {
		last = b.Do(ctx, call)
		return last
	})
	return last
}

// Final marks the error of a call that Retry is not to repeat although it may
// pass: its caller has seen a part of the result, say. It reads like err and
// wraps it; Final of nil is nil.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &finalError{err}
}

type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// newRetries returns the policy of cfg, nil if nothing is repeated.
func newRetries(cfg Config, b *Breaker) failsafe.Executor[any] {
	if cfg.Retries == 0 {
		return nil
	}
	policy := retrypolicy.NewBuilder[any]().
		WithMaxRetries(int(cfg.Retries)).
		WithBackoff(cfg.Backoff, cfg.MaxBackoff).
		WithJitterFactor(backoffJitter).
		HandleIf(func(_ any, err error) bool { return b.isPassing(err) }).
		OnRetry(func(event failsafe.ExecutionEvent[any]) { b.metrics.retried(event.Context()) }).
		Build()
	return failsafe.With[any](policy)
}

// isPassing says whether trying again may help.
func (b *Breaker) isPassing(err error) bool {
	var final *finalError
	return err != nil && !errors.Is(err, ErrOpen) && !errors.As(err, &final) && b.deps.IsFailure(err)
}
