package telemetry

import (
	"sync"
	"time"
)

// repeatInterval is the least time between two lines about the same.
const repeatInterval = time.Minute

// Repeats keeps what happens again and again out of the log. The zero Repeats is
// ready; it is safe for concurrent use. Its keys are kept, so they must be few.
type Repeats struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// Due says whether what key stands for may be logged now: the first time, and
// then once a minute.
func (r *Repeats) Due(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if last, isKnown := r.last[key]; isKnown && now.Sub(last) < repeatInterval {
		return false
	}
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	r.last[key] = now
	return true
}

// Forget makes the next time the first again.
func (r *Repeats) Forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, key)
}
