package consumer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func chunkOf(partition int, next int64, offsets ...int64) chunk {
	c := chunk{partition: partition, next: next}
	for _, offset := range offsets {
		c.records = append(c.records, Record{Partition: partition, Offset: offset, Value: []byte("12345"), Time: at})
	}
	return c
}

// A batch takes records up to its limits and knows the offset that follows from
// what it took: behind the chunk if it took all, behind the last record if not.
func TestBatchTake(t *testing.T) {
	const enough = 1000
	for name, test := range map[string]struct {
		limits limits
		chunks []chunk
		rows   int
		next   map[int]int64
		left   []int64
	}{
		"whole chunks": {
			limits{rows: enough, bytes: enough},
			[]chunk{chunkOf(0, 9, 3, 5), chunkOf(1, 4, 3)},
			3,
			map[int]int64{0: 9, 1: 4},
			nil,
		},
		"rows": {
			limits{rows: 2, bytes: enough},
			[]chunk{chunkOf(0, 9, 3, 5, 8)},
			2,
			map[int]int64{0: 6},
			[]int64{8},
		},
		"rows to the end of a chunk": {
			limits{rows: 2, bytes: enough},
			[]chunk{chunkOf(0, 9, 3, 5)},
			2,
			map[int]int64{0: 9},
			nil,
		},
		"bytes, by one record": {
			limits{rows: enough, bytes: 11},
			[]chunk{chunkOf(0, 9, 3, 5, 6, 8)},
			3,
			map[int]int64{0: 7},
			[]int64{8},
		},
		"one record over the limit": {
			limits{rows: enough, bytes: 1},
			[]chunk{chunkOf(0, 9, 3, 5)},
			1,
			map[int]int64{0: 4},
			[]int64{5},
		},
		"no records": {
			limits{rows: enough, bytes: enough},
			[]chunk{chunkOf(0, 9)},
			0,
			map[int]int64{0: 9},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBatch()
			var rest chunk
			for _, c := range test.chunks {
				rest, _ = b.take(c, test.limits)
			}
			assert.Len(t, b.records, test.rows)
			assert.Equal(t, test.next, b.next)
			var left []int64
			for _, r := range rest.records {
				left = append(left, r.Offset)
			}
			assert.Equal(t, test.left, left)
			b.reset()
			assert.Empty(t, b.records)
			assert.Empty(t, b.next)
			assert.Zero(t, b.bytes)
		})
	}
}

// Lag counts what is not committed, and the oldest record's age holds until its
// whole chunk is.
func TestProgress(t *testing.T) {
	p := &progress{committed: 10, end: 10}
	lag := func() (int64, time.Duration) { return p.lag(at.Add(time.Minute)) }
	assertLag := func(wantOffsets int64, wantAge time.Duration) {
		t.Helper()
		offsets, age := lag()
		assert.Equal(t, wantOffsets, offsets)
		assert.Equal(t, wantAge, age)
	}
	assertLag(0, 0)
	p.read(chunkOf(0, 15, 10, 12), 20)
	second := chunkOf(0, 18, 16)
	second.records[0].Time = at.Add(30 * time.Second)
	p.read(second, 20)
	assertLag(10, time.Minute)
	p.commit(13)
	assertLag(7, time.Minute)
	p.commit(15)
	assertLag(5, 30*time.Second)
	p.sawEnd(19)
	p.commit(18)
	assertLag(2, 0)
	p.sawEnd(25)
	assertLag(7, 0)
}
