package sink

import (
	"context"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
)

// Batch is a service's memory for one batch of records, used again after Reset.
// One goroutine uses it at a time.
type Batch interface {
	// Fill turns records, after Reset, into rows of Block. It appends no row of a
	// record that can never be stored, but gives its index to reject; records that
	// need no row are just left out. An error says that something Fill depends on
	// failed, and that the same must be tried again.
	//
	// What it does elsewhere must bear repetition: it is called again with all of
	// the records, and with some of them. A panic counts against the record that
	// causes it alone.
	Fill(ctx context.Context, records []consumer.Record, reject func(i int, r Rejection)) error
	// Table is where the rows belong.
	Table() string
	// Block holds the rows, all of Table, until Reset.
	Block() *block.Block
	// RecordOf returns the index, among those of the last Fill, of the record that
	// made a row.
	RecordOf(row int) int
	// Stored is called once, when the rows are stored and committed.
	Stored(ctx context.Context)
	// Reset drops rows and records, and keeps memory.
	Reset()
}

// Completer is a Batch that makes some rows of what is stored, beside the record.
type Completer interface {
	// IsIncomplete says that the last Fill has left out records because their rows
	// take more than the records.
	IsIncomplete() bool
	// Complete does what Fill does, and leaves none of them out. It is called once
	// all earlier batches of the partitions are stored.
	Complete(ctx context.Context, records []consumer.Record, reject func(i int, r Rejection)) error
}

// Finisher is a Batch with effects beside its rows.
type Finisher interface {
	// Finish is called when the rows are stored, and before they are committed. It
	// is called again after an error, and when the batch is read again. Records of
	// the last Fill that isRefused became letters since: nothing of them counts.
	Finish(ctx context.Context, isRefused func(i int) bool) error
}

// Rejection is why a record can never be stored.
type Rejection struct {
	// Class is the kind of error in a word, one of a few, fit for a label.
	Class string
	Err   error
	// Schema names what the record claims to be; empty if it does not.
	Schema string
}

// The classes of rejections that are not the Batch's.
const (
	// ClassPanic is that of a record at which Fill panics.
	ClassPanic = "panic"
	// ClassClickHouse is that of a record with a row that its table refuses.
	ClassClickHouse = "clickhouse_rejected"
)
