package consumer

import (
	"context"
	"sync"
)

// gate holds the sources of a lane back while any of its parts is held up. A nil
// gate is open.
type gate struct {
	mu     sync.Mutex
	closed int
	// opened is closed when the gate opens, and nil while it is open.
	opened chan struct{}
}

// close closes the gate once more; it opens after as many calls of open.
func (g *gate) close() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed++; g.closed == 1 {
		g.opened = make(chan struct{})
	}
}

func (g *gate) open() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed--; g.closed == 0 {
		close(g.opened)
		g.opened = nil
	}
}

// await returns true when the gate is open, and false when ctx ends first.
func (g *gate) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		opened := g.state()
		if opened == nil {
			return true
		}
		select {
		case <-opened:
		case <-ctx.Done():
		}
	}
	return false
}

func (g *gate) state() <-chan struct{} {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}
