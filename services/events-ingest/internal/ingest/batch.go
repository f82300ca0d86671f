package ingest

import (
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/event"
)

// batch is the memory for one call of Handle.
type batch struct {
	records []*consumer.Record // those that hold an event
	events  []event.Event      // theirs, in their order
	claims  []dedup.Claim      // theirs
	rows    *rows

	letters  []dlq.Letter
	refused  map[reason]int64
	accepted []time.Time // Kafka's timestamps of the rows
}

func newBatch() *batch { return &batch{rows: newRows(), refused: map[reason]int64{}} }

// reset keeps the memory, that of the events' attributes too, but no reference
// to a record.
func (b *batch) reset() {
	clear(b.records)
	clear(b.letters)
	b.records, b.letters = b.records[:0], b.letters[:0]
	b.events, b.claims, b.accepted = b.events[:0], b.claims[:0], b.accepted[:0]
	b.rows.block.Reset()
	clear(b.refused)
}

// add decodes a record: into an event with its claim, or into a letter.
func (b *batch) add(record *consumer.Record) {
	if len(b.events) == cap(b.events) {
		b.events = append(b.events, event.Event{})
	} else {
		b.events = b.events[:len(b.events)+1]
	}
	e := &b.events[len(b.events)-1]
	if refusal := decode(record, e); refusal != nil {
		b.events = b.events[:len(b.events)-1]
		b.refuse(record, refusal)
		return
	}
	b.records = append(b.records, record)
	b.claims = append(b.claims, dedup.Claim{
		EventID: e.ID, TimeMS: e.TimeMS,
		Topic: record.Topic, Partition: record.Partition, Offset: record.Offset,
		PayloadHash: xxhash.Sum64(record.Value),
	})
}

func (b *batch) refuse(record *consumer.Record, refusal *refusal) {
	schema := record.Header(event.HeaderSchema)
	headers := make([]dlq.RecordHeader, 0, len(record.Headers))
	for _, h := range record.Headers {
		headers = append(headers, dlq.RecordHeader(h))
	}
	b.letters = append(b.letters, dlq.NewLetter(dlq.Record{
		Topic: record.Topic, Partition: record.Partition, Offset: record.Offset,
		Key: record.Key, Value: record.Value, Headers: headers,
	}, dlq.Failure{Err: refusal.err, Class: string(refusal.reason), At: time.Now(), Schema: string(schema)}))
	b.refused[refusal.reason]++
}

// fill makes the rows of the events that are kept.
func (b *batch) fill(kept []bool) {
	for i, record := range b.records {
		if kept[i] {
			b.rows.append(&b.events[i], record)
			b.accepted = append(b.accepted, record.Time)
		}
	}
}
