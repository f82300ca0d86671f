package eventsapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func post(t *testing.T, cfg eventsapi.Config, answer http.HandlerFunc) (eventsapi.Answer, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "/v1/events", r.URL.Path)
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "body", string(body))
		answer(w, r)
	}))
	defer server.Close()
	cfg.URL, cfg.Timeout, cfg.Connections = server.URL, 5*time.Second, 1
	client := eventsapi.New(cfg)
	defer client.Close()
	return client.Post(t.Context(), []byte("body"))
}

// A request says what it carries and who sends it, and nothing that it was not told.
func TestRequest(t *testing.T) {
	_, err := post(t, eventsapi.Config{ContentType: "application/json", Encoding: "gzip", Token: "secret"}, func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		assert.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
	})
	require.NoError(t, err)
	_, err = post(t, eventsapi.Config{ContentType: "application/x-protobuf"}, func(_ http.ResponseWriter, r *http.Request) {
		assert.Empty(t, r.Header["Content-Encoding"])
		assert.Empty(t, r.Header["Authorization"])
	})
	require.NoError(t, err)
}

// Every status is an answer, which says whether to try again and when.
func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		status          int
		retryAfter      string
		isAccepted      bool
		isFinal         bool
		wantRetryWithin time.Duration
	}{
		{status: http.StatusAccepted, isAccepted: true, isFinal: true},
		{status: http.StatusBadRequest, isFinal: true},
		{status: http.StatusUnauthorized, isFinal: true},
		{status: http.StatusRequestTimeout},
		{status: http.StatusTooManyRequests, retryAfter: "2", wantRetryWithin: 2 * time.Second},
		{status: http.StatusServiceUnavailable, retryAfter: "900", wantRetryWithin: 30 * time.Second},
		{status: http.StatusServiceUnavailable, retryAfter: "soon"},
		{status: http.StatusInternalServerError},
	} {
		answer, err := post(t, eventsapi.Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", test.retryAfter)
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, "what the API says")
		})
		require.NoError(t, err)
		assert.Equal(t, eventsapi.Answer{Status: test.status, Text: "what the API says", RetryAfter: test.wantRetryWithin}, answer)
		assert.Equal(t, test.isAccepted, answer.IsAccepted(), test.status)
		assert.Equal(t, test.isFinal, answer.IsFinal(), test.status)
	}
	assert.False(t, eventsapi.Answer{}.IsFinal(), "no answer")
	require.EqualError(t, &eventsapi.RefusedError{Answer: eventsapi.Answer{Status: 400, Text: "why"}}, "the events API refused a body: 400 why")
}

// No answer is an error; the status of one that breaks off is not lost.
func TestNoAnswer(t *testing.T) {
	client := eventsapi.New(eventsapi.Config{URL: "http://127.0.0.1:1", Timeout: time.Second})
	defer client.Close()
	_, err := client.Post(t.Context(), nil)
	require.ErrorContains(t, err, "posting events")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Post(ended, nil)
	require.ErrorIs(t, err, context.Canceled)

	answer, err := post(t, eventsapi.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "cut")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	require.ErrorContains(t, err, "reading the answer")
	assert.True(t, answer.IsAccepted())
}
