package sink

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/nova-data/nova/pkg/consumer"
)

// portion is some of the records of a batch.
type portion struct {
	records []consumer.Record
	// places are the indices of records in the batch; nil if it is all of them.
	places []int
}

// all is the portion of all records.
func all(records []consumer.Record) portion { return portion{records: records} }

// place returns the index in the batch of the i-th record.
func (p portion) place(i int) int {
	if p.places == nil {
		return i
	}
	return p.places[i]
}

// where returns the records whose place is wanted.
func (p portion) where(isWanted func(place int) bool) portion {
	q := portion{places: []int{}}
	for i := range p.records {
		if place := p.place(i); isWanted(place) {
			q.records = append(q.records, p.records[i])
			q.places = append(q.places, place)
		}
	}
	return q
}

// slice returns the records from one index to another of p.
func (p portion) slice(from, to int) portion {
	q := portion{records: p.records[from:to], places: make([]int, 0, to-from)}
	for i := from; i < to; i++ {
		q.places = append(q.places, p.place(i))
	}
	return q
}

// halves cuts p in two.
func (p portion) halves() [2]portion {
	middle := len(p.records) / 2
	return [2]portion{p.slice(0, middle), p.slice(middle, len(p.records))}
}

// refusals are the records that can never be stored, by their place.
type refusals map[int]Rejection

// panicError is a panic of Fill.
type panicError struct {
	value any
	stack []byte
}

// Error implements error.
func (e *panicError) Error() string { return fmt.Sprintf("panic while decoding: %v", e.value) }

// filling is Fill or Complete of a Batch.
type filling func(ctx context.Context, records []consumer.Record, reject func(i int, r Rejection)) error

// attempt fills an empty batch with a portion.
func attempt(ctx context.Context, b Batch, fill filling, p portion) (refused refusals, err error) {
	defer func() {
		if value := recover(); value != nil {
			refused, err = nil, &panicError{value: value, stack: debug.Stack()}
		}
	}()
	refused = refusals{}
	var misplaced error
	b.Reset()
	err = fill(ctx, p.records, func(i int, r Rejection) {
		if i < 0 || i >= len(p.records) {
			misplaced = fmt.Errorf("record %d of %d was rejected: %w", i, len(p.records), r.Err)
			return
		}
		refused[p.place(i)] = r
	})
	return refused, errors.Join(err, misplaced)
}
