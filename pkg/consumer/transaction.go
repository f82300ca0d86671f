package consumer

import (
	"cmp"
	"slices"
)

// transactionFilter knows, batch by batch, whose records are void. Batches must
// come in offset order.
type transactionFilter struct {
	// pending are the aborted transactions that begin further on.
	pending []abortedTransaction
	// active holds the producers inside of an aborted transaction.
	active map[int64]bool
}

func newTransactionFilter(aborted []abortedTransaction) *transactionFilter {
	f := &transactionFilter{pending: slices.Clone(aborted)}
	slices.SortFunc(f.pending, func(a, b abortedTransaction) int { return cmp.Compare(a.firstOffset, b.firstOffset) })
	return f
}

// advance takes up the transactions that begin at or before last, the last
// offset of the batch at hand.
func (f *transactionFilter) advance(last int64) {
	for len(f.pending) > 0 && f.pending[0].firstOffset <= last {
		if f.active == nil {
			f.active = map[int64]bool{}
		}
		f.active[f.pending[0].producerID] = true
		f.pending = f.pending[1:]
	}
}

// void says whether a producer is inside of an aborted transaction.
func (f *transactionFilter) void(producerID int64) bool { return f.active[producerID] }

// control reads a control batch: an abort marker ends its producer's
// transaction. Other markers mean nothing to a reader.
func (f *transactionFilter) control(b batchInfo) error {
	if b.recordCount == 0 {
		return nil // compacted
	}
	body, err := new(scratch).decompress(b.body, b.attributes&codecBits)
	if err != nil {
		return err
	}
	record := &reader{data: body}
	fields := &reader{data: record.varbytes()}
	fields.int8()
	fields.varint()
	fields.varint()
	key := &reader{data: fields.varbytes()}
	key.int16() // version
	marker := key.int16()
	if record.failed || fields.failed || key.failed {
		return errShort
	}
	if marker == abortMarker {
		delete(f.active, b.producerID)
	}
	return nil
}
