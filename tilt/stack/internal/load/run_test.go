package load

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
)

// network is an API in the bubble of a test: it answers after a while.
type network struct {
	answer func(n int, at time.Duration) (after time.Duration, status int)

	mu      sync.Mutex
	began   time.Time
	arrived []time.Duration
	most    int // at a time
	now     int
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	at := time.Since(n.began)
	n.arrived = append(n.arrived, at)
	after, status := n.answer(len(n.arrived), at)
	n.now++
	n.most = max(n.most, n.now)
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.now--
		n.mu.Unlock()
	}()
	select {
	case <-time.After(after):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if status == 0 {
		return nil, errors.New("connection reset")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("said")), Request: r}, nil
}

func accepting(after time.Duration) func(int, time.Duration) (time.Duration, int) {
	return func(int, time.Duration) (time.Duration, int) { return after, http.StatusAccepted }
}

// run puts a load on a network, both in one bubble.
func run(t *testing.T, cfg Config, n *network) (report Report, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n.began = time.Now()
		report, err = Run(t.Context(), cfg, Deps{Network: n})
	})
	return report, err
}

// Requests are sent when they are due, however slow the answers are: an API that
// takes two seconds gets the same arrivals as one that takes none.
func TestOpenLoop(t *testing.T) {
	cfg := small()
	cfg.Rate, cfg.Batch, cfg.Duration, cfg.Connections = 1000, 10, 3*time.Second, 500
	for _, after := range []time.Duration{0, 2 * time.Second} {
		n := &network{answer: accepting(after)}
		report, err := run(t, cfg, n)
		require.NoError(t, err)
		require.Len(t, n.arrived, 300)
		for i, arrived := range n.arrived {
			require.Equal(t, lead+time.Duration(i)*10*time.Millisecond, arrived)
		}
		assert.Equal(t, 3000, report.AcceptedEvents)
		assert.Zero(t, report.HeldBack)
		assert.InDelta(t, float64(after.Milliseconds()), report.Latency.P50, 2)
		assert.False(t, report.Interrupted)
	}
}

// A stall of one second shows in the quantiles as all requests that were due meanwhile
// see it, not as the few connections that were stuck do: no coordinated omission. The
// held back are counted and sent, and the rate recovers.
func TestStall(t *testing.T) {
	cfg := small()
	cfg.Rate, cfg.Batch, cfg.Duration, cfg.Connections = 100, 1, 10*time.Second, 4
	stall := func(_ int, at time.Duration) (time.Duration, int) {
		if since := at - lead - 5*time.Second; since >= 0 && since < time.Second {
			return time.Second - since, http.StatusAccepted
		}
		return time.Millisecond, http.StatusAccepted
	}
	n := &network{answer: stall}
	report, err := run(t, cfg, n)
	require.NoError(t, err)
	assert.Equal(t, 1000, report.AcceptedRequests, "the rate does not fall")
	assert.InDelta(t, 97, report.HeldBack, 2)
	assert.Equal(t, 4, n.most)
	// A tenth of the requests was due during the stall, evenly: the worst percent of
	// all waited for more than 0.9 s.
	assert.InDelta(t, 905, report.Latency.P99, 15)
	assert.InDelta(t, 1000, report.Latency.Max, 15)
	assert.InDelta(t, 1, report.Latency.P50, 0.1)
	assert.InDelta(t, 10, report.Latency.P90, 20)
}

// A ramp has fewer arrivals, and they come closer and closer.
func TestRamp(t *testing.T) {
	cfg := small()
	cfg.Rate, cfg.Batch, cfg.Duration = 100, 1, 4*time.Second
	require.NoError(t, cfg.Ramp.Set("2s"))
	n := &network{answer: accepting(0)}
	_, err := run(t, cfg, n)
	require.NoError(t, err)
	require.Len(t, n.arrived, 300)
	assert.InDelta(t, float64(2*time.Second+lead), float64(n.arrived[100]), float64(20*time.Millisecond))
}

// What fails is counted by its reason, is not repeated, and does not end the load.
func TestFailures(t *testing.T) {
	cfg := small()
	cfg.Batch = 1
	n := &network{answer: func(n int, _ time.Duration) (time.Duration, int) {
		switch n % 4 {
		case 0:
			return 0, http.StatusServiceUnavailable
		case 1:
			return 0, 0
		case 2:
			return time.Hour, http.StatusAccepted
		}
		return 0, http.StatusAccepted
	}}
	report, err := run(t, cfg, n)
	require.NoError(t, err)
	assert.Equal(t, 100, report.Requests)
	assert.Equal(t, 25, report.AcceptedEvents)
	assert.Equal(t, map[string]int{"status 503": 25, "no connection": 25, "no answer in time": 25}, report.Failures)
	assert.InDelta(t, 10_000, report.Latency.Max, 20, "a request that is given up has the latency until then")
	assert.EqualValues(t, 50, report.Latency.Count)
	assert.EqualValues(t, 25, report.Refused.Count)
}

// What fails at once makes no latency look better: the quantiles are those of what was
// accepted or waited for, also where that is a tenth of all; refusals have their own.
func TestFailuresDoNotFlatter(t *testing.T) {
	for _, status := range []int{0, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		cfg := small()
		cfg.Batch = 1
		n := &network{answer: func(n int, _ time.Duration) (time.Duration, int) {
			if n%10 != 0 {
				return time.Millisecond, status
			}
			return 100 * time.Millisecond, http.StatusAccepted
		}}
		report, err := run(t, cfg, n)
		require.NoError(t, err)
		assert.InDelta(t, 100, report.Latency.P50, 0.1)
		assert.EqualValues(t, 10, report.Latency.Count)
		want := Quantiles{}
		if status != 0 {
			want = Quantiles{Count: 90, Mean: 1, P50: 1, P90: 1, P99: 1, P999: 1, Max: 1}
		}
		assert.Equal(t, want, report.Refused, status)
	}
}

// What is held back is sent until ten seconds after the end, and the rest counted: a
// load of ten times what the API takes does not last ten times as long.
func TestGrace(t *testing.T) {
	cfg := small()
	cfg.Batch, cfg.Rate, cfg.Duration, cfg.Connections = 1, 10, 10*time.Second, 1
	n := &network{answer: accepting(time.Second)}
	report, err := run(t, cfg, n)
	require.NoError(t, err)
	assert.InDelta(t, 21, report.ElapsedSeconds, 0.1)
	assert.Equal(t, 21, report.AcceptedRequests)
	assert.Equal(t, 79, report.NotSent)
	assert.False(t, report.Interrupted)
}

// An answer that blames the request ends the load at once, with the API's words and
// what was measured.
func TestRefusal(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusUnsupportedMediaType} {
		n := &network{answer: func(n int, _ time.Duration) (time.Duration, int) {
			if n < 5 {
				return 0, http.StatusAccepted
			}
			return 0, status
		}}
		report, err := run(t, small(), n)
		var refused *eventsapi.RefusedError
		require.ErrorAs(t, err, &refused)
		assert.ErrorContains(t, err, "said")
		assert.Equal(t, 4, report.AcceptedRequests)
		assert.Equal(t, 5, report.NotSent)
		assert.Len(t, n.arrived, 5)
		assert.False(t, report.Interrupted)
		var text strings.Builder
		require.NoError(t, report.Write(&text))
		assert.Regexp(t, `^the events API refused a body: \d+ said; until then:\n`, text.String())
	}
}

// The end of the context ends the load without an error: what is under way gets its
// answer, and the report says that there is less of it.
func TestInterrupt(t *testing.T) {
	n := &network{answer: accepting(100 * time.Millisecond)}
	synctest.Test(t, func(t *testing.T) {
		n.began = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), lead+525*time.Millisecond)
		defer cancel()
		report, err := Run(ctx, small(), Deps{Network: n})
		require.NoError(t, err)
		assert.True(t, report.Interrupted)
		assert.Equal(t, 6, report.AcceptedRequests)
		assert.Len(t, n.arrived, 6)
		assert.InDelta(t, 0.6, report.ElapsedSeconds, 0.01)
	})
}

// Progress is told once a second.
func TestProgress(t *testing.T) {
	cfg := small()
	cfg.Duration = 5 * time.Second
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		_, err := Run(t.Context(), cfg, Deps{
			Network: &network{began: time.Now(), answer: accepting(0)}, Progress: func(r Report) { lines = append(lines, r.Line()) },
		})
		require.NoError(t, err)
		require.Len(t, lines, 5)
		assert.Regexp(t, `^1s  1\d\d events/s accepted  0 held back  0 failed  p50 0s  p99 0s$`, lines[0])
	})
}

// An API that is not there is named before anything is counted.
func TestUnreachable(t *testing.T) {
	report, err := Run(t.Context(), small(), Deps{})
	require.ErrorContains(t, err, "reaching the events API (does the stack run? make up starts it)")
	assert.Zero(t, report.Requests)
}

// On a real network the API gets what it documents, every event once, and no other
// request.
func TestRealNetwork(t *testing.T) {
	cfg := small()
	cfg.Token, cfg.Gzip, cfg.Format, cfg.Batch, cfg.Rate = "secret", true, Protobuf, 20, 2000
	var mu sync.Mutex
	got := map[uuid.UUID]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "POST /v1/events", r.Method+" "+r.URL.Path)
		assert.Equal(t, event.ContentTypeProtobuf, r.Header.Get("Content-Type"))
		assert.Equal(t, "gzip", r.Header.Get("Content-Encoding"))
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		events, _ := decoded(t, cfg, body)
		for _, e := range events {
			assert.False(t, got[e.ID])
			got[e.ID] = true
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	cfg.URL = server.URL
	report, err := Run(t.Context(), cfg, Deps{})
	require.NoError(t, err)
	assert.Equal(t, 2000, report.AcceptedEvents)
	assert.Len(t, got, 2000)
}
