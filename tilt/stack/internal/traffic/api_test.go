package traffic

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eventsAPI stands in for the events API: it stores what it takes, and answers
// as its faults say, in turn, an empty list meaning 202 for ever.
type eventsAPI struct {
	URL string

	t      *testing.T
	mu     sync.Mutex
	faults []fault
	next   int
	bodies []string
	stored map[uuid.UUID]int
}

// fault answers a request in place of the 202.
type fault func(w http.ResponseWriter, store func())

func answer(status int, header ...string) fault {
	return func(w http.ResponseWriter, _ func()) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

// lostAnswer stores the events and cuts the connection.
func lostAnswer(_ http.ResponseWriter, store func()) {
	store()
	panic(http.ErrAbortHandler)
}

// reset cuts the connection before anything is stored.
func reset(http.ResponseWriter, func()) { panic(http.ErrAbortHandler) }

// stored503 stores the events and denies it.
func stored503(w http.ResponseWriter, store func()) {
	store()
	w.WriteHeader(http.StatusServiceUnavailable)
}

func accepted(w http.ResponseWriter, store func()) {
	store()
	w.WriteHeader(http.StatusAccepted)
}

func newEventsAPI(t *testing.T, faults ...fault) *eventsAPI {
	t.Helper()
	api := &eventsAPI{t: t, faults: faults, stored: map[uuid.UUID]int{}}
	server := httptest.NewServer(http.HandlerFunc(api.serve))
	t.Cleanup(server.Close)
	api.URL = server.URL
	return api
}

func (a *eventsAPI) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	assert.Equal(a.t, "/v1/events", r.URL.Path)
	assert.Equal(a.t, "application/json", r.Header.Get("Content-Type"))
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away in the middle
	}
	a.bodies = append(a.bodies, string(text))
	respond := accepted
	if len(a.faults) > 0 {
		respond = a.faults[a.next%len(a.faults)]
		a.next++
	}
	respond(w, func() { a.store(text) })
}

func (a *eventsAPI) store(text []byte) {
	var sent struct {
		Events []struct {
			EventID uuid.UUID `json:"event_id"`
		} `json:"events"`
	}
	if !assert.NoError(a.t, json.Unmarshal(text, &sent)) {
		return
	}
	for _, e := range sent.Events {
		a.stored[e.EventID]++
	}
}

// events counts what is stored.
func (a *eventsAPI) events() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.stored)
}

// requireExact holds the ledger against what is stored: everything accepted is
// there, nothing is there that the ledger rules out.
func (a *eventsAPI) requireExact(ledger *Ledger) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var accepted uint64
	for id := range ledger.Accepted() {
		accepted++
		require.Contains(a.t, a.stored, id, "accepted, not stored")
	}
	require.Equal(a.t, ledger.Counters().Events, accepted)
	for id := range a.stored {
		require.Contains(a.t, []Fate{FateAccepted, FateUnknown}, ledger.Fate(id), "stored, not sent")
	}
}
