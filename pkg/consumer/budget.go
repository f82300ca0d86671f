package consumer

import (
	"context"
	"sync"
	"unsafe"
)

// budget bounds the memory of records that are fetched and not yet done with, for
// all partitions of a generation together.
//
// A partition that holds nothing may always fetch, so none starves and none waits
// for another's lane. One that holds something fetches while the whole is within
// the budget, and yields to others that wait when it holds more than its share.
// The bound is the budget and one fetch for each partition.
type budget struct {
	total int

	mu      sync.Mutex
	used    int
	held    map[*progress]int
	parts   int // partitions, whose equal part is a share
	waiting int // those that wait and hold no more than their share
	// changed is closed when something is given back.
	changed chan struct{}
}

func newBudget(total, partitions int) *budget {
	return &budget{total: total, held: map[*progress]int{}, parts: max(1, partitions), changed: make(chan struct{})}
}

// leastFetch is the least that a fetch asks for, however many partitions share
// the budget.
const leastFetch = 64 << 10

// fetchBytes is how much one fetch may ask for so that all partitions' fetches
// together stay within the budget.
func (b *budget) fetchBytes(wanted int) int {
	return min(wanted, max(leastFetch, b.total/b.parts))
}

// await returns true when p may fetch, and false when ctx ends first.
func (b *budget) await(ctx context.Context, p *progress) bool {
	isCounted := false
	defer func() {
		if isCounted {
			b.mu.Lock()
			b.waiting--
			b.mu.Unlock()
		}
	}()
	for ctx.Err() == nil {
		changed := b.try(p, &isCounted)
		if changed == nil {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return false
}

// try returns nil if p may fetch, or what is closed when it is worth trying again.
func (b *budget) try(p *progress, isCounted *bool) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	held := b.held[p]
	isGreedy := held > b.total/b.parts
	if held == 0 || b.used < b.total && (!isGreedy || b.waiting == 0) {
		return nil
	}
	if !isGreedy && !*isCounted {
		b.waiting++
		*isCounted = true
	}
	return b.changed
}

// take notes what was fetched.
func (b *budget) take(p *progress, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[p] += bytes
	b.used += bytes
}

// give notes what is done with.
func (b *budget) give(p *progress, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held[p] -= bytes
	b.used -= bytes
	close(b.changed)
	b.changed = make(chan struct{})
}

// inUse returns the bytes that are held.
func (b *budget) inUse() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// memory is about what a record takes.
func (r *Record) memory() int {
	size := int(unsafe.Sizeof(*r)) + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		size += int(unsafe.Sizeof(r.Headers[i])) + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return size
}

func (c *chunk) memory() int {
	size := 0
	for i := range c.records {
		size += c.records[i].memory()
	}
	return size
}
