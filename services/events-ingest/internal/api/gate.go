package api

import "sync/atomic"

// gate bounds what is in hand at a time. Nobody waits at it: a client that comes
// back in a second does not hold memory meanwhile.
type gate struct {
	maxRequests, maxBytes int64
	requests, bytes       atomic.Int64
}

// enter lets one more request in, until leave.
func (g *gate) enter() bool { return add(&g.requests, 1, g.maxRequests) }

func (g *gate) leave() { g.requests.Add(-1) }

// take lets n more bytes in, until they are given back.
func (g *gate) take(n int64) bool { return add(&g.bytes, n, g.maxBytes) }

func (g *gate) give(n int64) { g.bytes.Add(-n) }

func add(total *atomic.Int64, n, limit int64) bool {
	if total.Add(n) > limit {
		total.Add(-n)
		return false
	}
	return true
}
