package invalidate

import (
	"maps"
	"sync"
	"time"

	"github.com/nova-data/nova/services/invalidator/internal/audience"
)

// unswept is what still waits for a sweep, by topic.
type unswept struct {
	mu     sync.Mutex
	topics map[string]*waiting
}

// waiting is the users whose pages are to be swept, and when the changes were
// made.
type waiting struct {
	users audience.Set
	times []time.Time
}

// add makes users wait.
func (u *unswept) add(topic string, more waiting) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w := u.topics[topic]
	if w == nil {
		u.topics[topic] = &more
		return
	}
	maps.Copy(w.users, more.users)
	w.times = append(w.times, more.times...)
}

// take returns all who wait, who wait no more; nil if nobody does.
func (u *unswept) take(topic string) *waiting {
	u.mu.Lock()
	defer u.mu.Unlock()
	w := u.topics[topic]
	delete(u.topics, topic)
	return w
}
