package traffic

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

const answerTimeout = 10 * time.Second

// sender delivers bodies to the events API. It may be used by several
// goroutines.
type sender struct {
	api    *eventsapi.Client
	ledger *Ledger
	log    *slog.Logger
	down   atomic.Bool // the last answer was none or an error: logged once per change
}

// deliver repeats b until its 202. Its error is a refusal, or that of ctx,
// after which the events of b are of unknown fate.
func (s *sender) deliver(ctx context.Context, b body) error {
	var wait backoff
	for attempt := 0; ; attempt++ {
		if ctx.Err() != nil {
			return fmt.Errorf("delivering events: %w", ctx.Err())
		}
		s.ledger.sending(b.ids, attempt > 0)
		answer, err := s.api.Post(ctx, b.json)
		switch {
		case answer.IsAccepted():
			s.ledger.accept(b.ids)
			s.note(true, answer.Status, nil)
			return nil
		case err == nil && answer.IsFinal():
			return &eventsapi.RefusedError{Answer: answer}
		}
		s.note(false, answer.Status, err)
		if err := pace.Pause(ctx, jitter(max(answer.RetryAfter, wait.delay()))); err != nil {
			return fmt.Errorf("delivering events: %w", err)
		}
	}
}

func (s *sender) note(up bool, status int, err error) {
	if s.down.Swap(!up) == !up {
		return
	}
	if up {
		s.log.Info("events API answers again")
		return
	}
	s.log.Warn("events API does not accept events, repeating", "status", status, "error", err)
}

// jitter spreads d over d to 1.5 d.
func jitter(d time.Duration) time.Duration {
	return d + rand.N(d/2+1) //nolint:gosec // not a secret
}
