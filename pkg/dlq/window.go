package dlq

// window is which of the newest records became letters: a ring of bits.
type window struct {
	isLetter []bool
	next     int
	// records is how many it holds, letters how many of them became letters.
	records, letters int
}

func newWindow(size int) window { return window{isLetter: make([]bool, size)} }

// pass adds records that became no letter.
func (w *window) pass(records int) {
	if records >= len(w.isLetter) {
		clear(w.isLetter)
		w.letters = 0
	}
	if w.letters == 0 { // there is nothing to overwrite
		w.records = min(w.records+records, len(w.isLetter))
		return
	}
	for range records {
		w.add(false)
	}
}

// bury adds a record that became a letter.
func (w *window) bury() { w.add(true) }

func (w *window) add(isLetter bool) {
	if w.isLetter[w.next] {
		w.letters--
	}
	if isLetter {
		w.letters++
	}
	w.isLetter[w.next] = isLetter
	w.next = (w.next + 1) % len(w.isLetter)
	w.records = min(w.records+1, len(w.isLetter))
}
