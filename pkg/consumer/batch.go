package consumer

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/nova-data/nova/pkg/consumer/protocol"
)

// batch is what a Handler gets at once, and the offsets that follow from it.
type batch struct {
	records []Record
	bytes   int
	// first and next hold where the batch begins and the offset to commit, of each
	// partition that it moves.
	first, next map[int]int64
	// held is the memory to give back, by partition.
	held map[int]int
}

func newBatch() *batch {
	return &batch{first: map[int]int64{}, next: map[int]int64{}, held: map[int]int{}}
}

// reset empties b and lets go of the records' memory.
func (b *batch) reset() {
	clear(b.records)
	clear(b.first)
	clear(b.next)
	clear(b.held)
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
	if _, isIn := b.first[c.partition]; !isIn {
		b.first[c.partition] = c.from
	}
	taken := 0
	for taken < len(c.records) && !b.full(l) {
		r := &c.records[taken]
		b.bytes += len(r.Key) + len(r.Value)
		b.held[c.partition] += r.memory()
		b.records = append(b.records, *r)
		taken++
	}
	if taken == len(c.records) {
		b.next[c.partition] = c.next
		return chunk{}, false
	}
	if taken > 0 {
		b.next[c.partition] = c.records[taken-1].Offset + 1
		c.from = b.next[c.partition]
	}
	c.records = c.records[taken:]
	return c, true
}

// ranges is what the batch is called by, in a plan.
func (b *batch) ranges(topic string) protocol.Batch {
	named := protocol.Batch{Topic: topic, TimeMS: protocol.NoTime}
	for _, partition := range slices.Sorted(maps.Keys(b.next)) {
		named.Ranges = append(named.Ranges, protocol.Range{Partition: partition, First: b.first[partition], Last: b.next[partition] - 1})
	}
	lowest := math.MaxInt
	for i := range b.records {
		// The first record met of a partition is its first.
		if r := &b.records[i]; r.Partition < lowest {
			lowest, named.TimeMS = r.Partition, r.Time.UnixMilli()
		}
	}
	return named
}
