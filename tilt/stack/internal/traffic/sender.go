package traffic

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	answerTimeout = 10 * time.Second
	maxRetryAfter = 30 * time.Second
)

// sender delivers bodies to the events API. It may be used by several
// goroutines.
type sender struct {
	client *http.Client
	url    string
	ledger *Ledger
	log    *slog.Logger
	down   atomic.Bool // the last answer was none or an error: logged once per change
}

// refusedError is an answer that no repetition changes.
type refusedError struct {
	status int
	answer string
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("the events API refused a body: %d %s", e.status, e.answer)
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
		status, after, answer, err := s.post(ctx, b.json)
		switch {
		case status == http.StatusAccepted:
			s.ledger.accept(b.ids)
			s.note(true, status, nil)
			return nil
		case err == nil && status != http.StatusTooManyRequests && status < 500:
			return &refusedError{status: status, answer: answer}
		}
		s.note(false, status, err)
		if err := pause(ctx, jitter(max(after, wait.delay()))); err != nil {
			return fmt.Errorf("delivering events: %w", err)
		}
	}
}

// post sends json once. A status is answered with even when the rest of the
// answer is lost.
func (s *sender) post(ctx context.Context, json []byte) (status int, after time.Duration, answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/events", bytes.NewReader(json))
	if err != nil {
		return 0, 0, "", fmt.Errorf("building request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return 0, 0, "", fmt.Errorf("posting events: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if seconds, bad := strconv.Atoi(response.Header.Get("Retry-After")); bad == nil {
		after = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return response.StatusCode, after, string(text), err
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
