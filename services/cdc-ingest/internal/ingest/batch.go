package ingest

import (
	"fmt"
	"time"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// batch is the memory for one call of Handle.
type batch struct {
	table    table.Table
	rows     *table.Rows
	envelope debezium.Envelope

	commits []int64 // when the streamed changes were committed, ms since 1970
	letters []dlq.Letter
	ignored map[debezium.Kind]int64
	refused map[table.Reason]int64
}

func newBatch(t table.Table, epochs debezium.Epochs) *batch {
	return &batch{
		table:   t,
		rows:    t.NewRows(epochs),
		ignored: map[debezium.Kind]int64{},
		refused: map[table.Reason]int64{},
	}
}

func (b *batch) reset() {
	b.rows.Reset()
	b.commits = b.commits[:0]
	clear(b.letters) // they hold records
	b.letters = b.letters[:0]
	clear(b.ignored)
	clear(b.refused)
}

// add appends the rows of a record, or counts it when it has none.
func (b *batch) add(record *consumer.Record) error {
	if err := b.envelope.Decode(record.Value); err != nil {
		return err
	}
	switch kind := b.envelope.Kind; kind {
	case debezium.KindChange:
		if len(record.Key) == 0 {
			return fmt.Errorf("%w: the record has no key", table.ErrKey)
		}
	case debezium.KindTruncate:
	default:
		b.ignored[kind]++
		return nil
	}
	if err := b.rows.Append(&b.envelope); err != nil {
		return err
	}
	if b.envelope.Op != debezium.Read && b.envelope.Source.TimestampMillis > 0 {
		b.commits = append(b.commits, b.envelope.Source.TimestampMillis)
	}
	return nil
}

// refuse keeps a record for the dead-letter topic. Trying it again would give
// the same answer.
func (b *batch) refuse(record *consumer.Record, err error) {
	reason := table.ReasonOf(err)
	b.refused[reason]++
	original := dlq.Record{Topic: record.Topic, Partition: record.Partition, Offset: record.Offset, Key: record.Key, Value: record.Value}
	for _, h := range record.Headers {
		original.Headers = append(original.Headers, dlq.RecordHeader{Key: h.Key, Value: h.Value})
	}
	b.letters = append(b.letters, dlq.NewLetter(original, dlq.Failure{Err: err, Class: string(reason), At: time.Now(), Retries: 0}))
}
