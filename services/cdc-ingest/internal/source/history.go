package source

import "time"

// mostMarks bounds a history: while a connector is away for days, nothing of it is
// confirmed. It is then exact to a part in half as many.
const mostMarks = 1024

// history is when the WAL reached positions that are not confirmed yet, the oldest
// first.
type history struct {
	marks []mark
	// step is the least time between two marks.
	step time.Duration
}

type mark struct {
	at  time.Time
	lsn int64
}

// add notes that the WAL had reached lsn at a time, and that everything up to
// confirmed is done with. Times grow from call to call; a position that shrinks is
// another server's, whose history begins anew.
func (h *history) add(at time.Time, lsn, confirmed int64) {
	if last := len(h.marks) - 1; last >= 0 && lsn < h.marks[last].lsn {
		h.marks = h.marks[:0]
	}
	if last := len(h.marks) - 1; last < 0 || lsn > h.marks[last].lsn && at.Sub(h.marks[last].at) >= h.step {
		h.marks = append(h.marks, mark{at: at, lsn: lsn})
	}
	done := 0
	for done < len(h.marks) && h.marks[done].lsn <= confirmed {
		done++
	}
	h.marks = append(h.marks[:0], h.marks[done:]...)
	switch {
	case len(h.marks) == 0:
		h.step = 0
	case len(h.marks) > mostMarks:
		h.thin()
	}
}

// thin drops every second mark, and makes those to come as rare.
func (h *history) thin() {
	h.step = 2 * h.marks[len(h.marks)-1].at.Sub(h.marks[0].at) / mostMarks
	kept := h.marks[:0]
	for i, m := range h.marks {
		if i%2 == 0 {
			kept = append(kept, m)
		}
	}
	h.marks = kept
}

// behind is how long the oldest position that is not confirmed has waited.
func (h *history) behind(now time.Time) time.Duration {
	if len(h.marks) == 0 {
		return 0
	}
	return now.Sub(h.marks[0].at)
}
