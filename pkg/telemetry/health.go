package telemetry

import (
	"encoding/json"
	"net/http"
	"sync"
)

// Health is what /readyz answers. A service is starting until Ready, ready
// until Draining, and while ready it may be degraded for named reasons.
type Health struct {
	mu       sync.Mutex
	phase    phase
	degraded map[string]string
}

type phase string

const (
	starting phase = "starting"
	ready    phase = "ready"
	draining phase = "draining"
)

func newHealth() *Health { return &Health{phase: starting, degraded: map[string]string{}} }

// Ready says that the service accepts work.
func (h *Health) Ready() { h.setPhase(ready) }

// Draining says that the service is about to end: /readyz answers 503.
func (h *Health) Draining() { h.setPhase(draining) }

func (h *Health) setPhase(p phase) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.phase = p
}

// Degraded says that part works worse than it should, and why, until Healthy.
func (h *Health) Degraded(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.degraded[part] = reason
}

// Healthy takes back what Degraded said of part.
func (h *Health) Healthy(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.degraded, part)
}

// report is the body of /readyz.
type report struct {
	Status   string            `json:"status"`
	Degraded map[string]string `json:"degraded,omitempty"`
}

func (h *Health) report() (int, report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := report{Status: string(h.phase), Degraded: make(map[string]string, len(h.degraded))}
	for part, reason := range h.degraded {
		r.Degraded[part] = reason
	}
	if h.phase != ready {
		return http.StatusServiceUnavailable, r
	}
	if len(r.Degraded) > 0 {
		r.Status = "degraded"
	}
	return http.StatusOK, r
}

// ServeHTTP implements http.Handler: 200 while ready, degraded or not.
func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	status, body := h.report()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
