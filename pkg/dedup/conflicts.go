package dedup

import (
	"log/slog"
	"sync"
	"time"
)

// conflictInterval is the least time between two lines about conflicts.
const conflictInterval = time.Minute

// conflictLog says that copies of events differ, at most once a minute, with the
// number since it last did.
type conflictLog struct {
	log *slog.Logger

	mu      sync.Mutex
	saidAt  time.Time
	pending int
}

func (c *conflictLog) note(conflicts int, example string) {
	if conflicts == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending += conflicts
	if !c.saidAt.IsZero() && time.Since(c.saidAt) < conflictInterval {
		return
	}
	c.log.Warn("copies of an event differ, the first was kept", "conflicts", c.pending, "example", example)
	c.saidAt, c.pending = time.Now(), 0
}
