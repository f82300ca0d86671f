package source

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The oldest WAL that is not confirmed is as old as the first look that saw it; what
// is confirmed does not count, idle time does not either, and another server's
// positions begin anew.
func TestBehind(t *testing.T) {
	type look struct{ second, written, confirmed, behind int64 }
	for name, looks := range map[string][]look{
		"in step":              {{0, 100, 100, 0}, {5, 200, 200, 0}, {10, 200, 200, 0}},
		"one look behind":      {{0, 100, 50, 0}, {5, 200, 100, 0}, {10, 300, 200, 0}, {15, 300, 200, 5}},
		"idle, not confirmed":  {{0, 100, 50, 0}, {60, 100, 50, 60}, {120, 100, 99, 120}, {125, 100, 100, 0}},
		"stopped":              {{0, 100, 100, 0}, {5, 200, 100, 0}, {10, 300, 100, 5}, {15, 400, 100, 10}, {20, 400, 250, 10}, {25, 400, 400, 0}},
		"another server":       {{0, 900, 100, 0}, {5, 950, 100, 5}, {10, 300, 200, 0}, {15, 400, 200, 5}},
		"in step, then behind": {{0, 100, 100, 0}, {5, 100, 100, 0}, {10, 140, 100, 0}, {12, 180, 100, 2}},
	} {
		var h history
		for i, l := range looks {
			now := time.Unix(l.second, 0)
			h.add(now, l.written, l.confirmed)
			assert.Equal(t, time.Duration(l.behind)*time.Second, h.behind(now), "%s, look %d", name, i)
		}
	}
}

// A connector that is away for long costs bounded memory, and how long is still
// known.
func TestHistoryIsBounded(t *testing.T) {
	var h history
	most := 0
	for second := range int64(100_000) {
		h.add(time.Unix(second, 0), second+1, 0)
		most = max(most, len(h.marks))
	}
	assert.LessOrEqual(t, most, mostMarks)
	assert.Equal(t, 100_000*time.Second, h.behind(time.Unix(100_000, 0)))
	h.add(time.Unix(100_001, 0), 100_001, 50_000)
	assert.InDelta(t, 50_001, h.behind(time.Unix(100_001, 0)).Seconds(), 200)
}
