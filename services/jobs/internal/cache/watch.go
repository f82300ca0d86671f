package cache

import "sync"

// part is Redis in health.
const part = "redis"

// Health is told what works worse than it should.
type Health interface {
	// Degraded says that part is impaired, and why, until Healthy.
	Degraded(part, reason string)
	// Healthy takes back what Degraded said of part.
	Healthy(part string)
}

// Deps is what a Cache is given by its owner. All of it is required.
type Deps struct{ Health Health }

// watch tells health whether calls work, when that changes.
type watch struct {
	health Health

	mu         sync.Mutex
	isDegraded bool
}

// saw is how a call went. Health is told under the lock, so that what it is told
// last is true.
func (w *watch) saw(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil && !w.isDegraded:
		w.health.Degraded(part, err.Error())
	case err == nil && w.isDegraded:
		w.health.Healthy(part)
	}
	w.isDegraded = err != nil
}
