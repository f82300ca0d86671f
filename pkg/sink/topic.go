package sink

import (
	"fmt"
	"sync"
)

// mostSpare is how many batches of a topic are kept for later: two lanes have one
// that is stored and one that is prepared each.
const mostSpare = 4

// topic keeps the memory for batches of one topic.
type topic struct {
	name string
	make func(topic string) (Batch, error)

	mu    sync.Mutex
	spare []Batch
}

// take returns an empty batch.
func (t *topic) take() (Batch, error) {
	t.mu.Lock()
	if last := len(t.spare) - 1; last >= 0 {
		b := t.spare[last]
		t.spare = t.spare[:last]
		t.mu.Unlock()
		return b, nil
	}
	t.mu.Unlock()
	b, err := t.make(t.name)
	if err != nil {
		return nil, fmt.Errorf("making a batch: %w", err)
	}
	return b, nil
}

// give takes a batch back; nil is none.
func (t *topic) give(b Batch) {
	if b == nil {
		return
	}
	b.Reset() // at once, since it may hold records
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spare) < mostSpare {
		t.spare = append(t.spare, b)
	}
}
