package consumer

import "time"

// batch is what a Handler gets at once, and the offsets that follow from it.
type batch struct {
	records []Record
	bytes   int
	// next holds the offset to commit of each partition the batch moves.
	next map[int]int64
}

func newBatch() *batch { return &batch{next: map[int]int64{}} }

// reset empties b and lets go of the records' memory.
func (b *batch) reset() {
	clear(b.records)
	clear(b.next)
	b.records, b.bytes = b.records[:0], 0
}

// limits say when a batch is closed.
type limits struct {
	rows  int
	bytes int
	age   time.Duration
}

// full says whether nothing more may be taken.
func (b *batch) full(l limits) bool { return len(b.records) >= l.rows || b.bytes >= l.bytes }

// take moves records from c into b until b is full, and returns what is left
// and whether anything is.
func (b *batch) take(c chunk, l limits) (rest chunk, left bool) {
	taken := 0
	for taken < len(c.records) && !b.full(l) {
		r := &c.records[taken]
		b.bytes += len(r.Key) + len(r.Value)
		b.records = append(b.records, *r)
		taken++
	}
	if taken == len(c.records) {
		b.next[c.partition] = c.next
		return chunk{}, false
	}
	if taken > 0 {
		b.next[c.partition] = c.records[taken-1].Offset + 1
	}
	c.records = c.records[taken:]
	return c, true
}
