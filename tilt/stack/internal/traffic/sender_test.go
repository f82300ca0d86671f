package traffic

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
)

func newSender(t *testing.T, url string) (*sender, body) {
	t.Helper()
	api := eventsapi.New(eventsapi.Config{URL: url, ContentType: "application/json", Timeout: answerTimeout, Connections: 1})
	t.Cleanup(api.Close)
	ledger := NewLedger(time.Now())
	id := ledger.issue()
	b := body{ids: []uuid.UUID{id}, json: []byte(`{"events":[{"event_id":"` + id.String() + `"}]}`)}
	return &sender{api: api, ledger: ledger, log: quiet()}, b
}

// Whatever keeps a 202 away, the identical body is sent again until it comes,
// and the ledger holds the event as accepted only then.
func TestSenderRepeatsUntilAccepted(t *testing.T) {
	for name, trouble := range map[string]fault{
		"unavailable":             answer(http.StatusServiceUnavailable),
		"unavailable, yet stored": stored503,
		"bad gateway":             answer(http.StatusBadGateway),
		"internal error":          answer(http.StatusInternalServerError),
		"too many requests":       answer(http.StatusTooManyRequests, "Retry-After", "0"),
		"connection reset":        reset,
		"answer lost":             lostAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			api := newEventsAPI(t, trouble, trouble, accepted)
			s, b := newSender(t, api.URL)

			require.NoError(t, s.deliver(t.Context(), b))

			assert.Len(t, api.bodies, 3)
			for _, sent := range api.bodies {
				assert.Equal(t, string(b.json), sent)
			}
			assert.Equal(t, Counters{Events: 1, Bodies: 1, Repeats: 2}, s.ledger.Counters())
			api.requireExact(s.ledger)
		})
	}
}

// Retry-After is waited for.
func TestSenderHonoursRetryAfter(t *testing.T) {
	api := newEventsAPI(t, answer(http.StatusTooManyRequests, "Retry-After", "1"), accepted)
	s, b := newSender(t, api.URL)
	start := time.Now()
	require.NoError(t, s.deliver(t.Context(), b))
	assert.GreaterOrEqual(t, time.Since(start), time.Second)
}

// An answer that blames the body is an error that carries the API's words:
// repeating would never end.
func TestSenderReportsARefusal(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusOK} {
		api := newEventsAPI(t, func(w http.ResponseWriter, _ func()) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"detail":"events[0].ts: too old"}`))
		})
		s, b := newSender(t, api.URL)
		err := s.deliver(t.Context(), b)
		var refused *eventsapi.RefusedError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, status, refused.Answer.Status)
		assert.ErrorContains(t, err, "events[0].ts: too old")
		assert.Len(t, api.bodies, 1)
	}
}

// A body given up is of unknown fate: it may be stored, and need not be.
func TestSenderGivesUpWithItsContext(t *testing.T) {
	api := newEventsAPI(t, stored503)
	s, b := newSender(t, api.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.deliver(ctx, b), context.DeadlineExceeded)
	assert.Equal(t, FateUnknown, s.ledger.Fate(b.ids[0]))
	api.requireExact(s.ledger)
}
