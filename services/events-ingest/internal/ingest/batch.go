package ingest

import (
	"context"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/sink"
)

// batch is a sink.Batch of the topic "events".
type batch struct {
	claimer Claimer
	metrics *metrics

	places []int         // of the records that hold an event
	events []event.Event // theirs, in their order
	claims []dedup.Claim // theirs
	rows   *rows

	rowPlaces []int       // of the records of the rows
	accepted  []time.Time // Kafka's timestamps of the rows
}

// Reset implements sink.Batch. It keeps the memory, that of the events' attributes
// too, but none of what records hold.
func (b *batch) Reset() {
	for i := range b.events {
		attributes := b.events[i].Attributes[:cap(b.events[i].Attributes)]
		clear(attributes)
		b.events[i] = event.Event{Attributes: attributes[:0]}
	}
	b.places, b.events, b.claims = b.places[:0], b.events[:0], b.claims[:0]
	b.rowPlaces, b.accepted = b.rowPlaces[:0], b.accepted[:0]
	b.rows.block.Reset()
}

// Fill implements sink.Batch: of the records of an event, those become rows that
// hold its claim.
func (b *batch) Fill(ctx context.Context, records []consumer.Record, reject func(i int, r sink.Rejection)) error {
	for i := range records {
		if refusal := b.decode(i, &records[i]); refusal != nil {
			reject(i, sink.Rejection{
				Class: string(refusal.reason), Err: refusal.err, Schema: string(records[i].Header(event.HeaderSchema)),
			})
		}
	}
	kept, err := b.claimer.Claim(ctx, b.claims)
	if err != nil {
		return err
	}
	for i, place := range b.places {
		if kept[i] {
			b.rows.append(&b.events[i], &records[place])
			b.rowPlaces = append(b.rowPlaces, place)
			b.accepted = append(b.accepted, records[place].Time)
		}
	}
	return nil
}

// decode reads the event of a record and prepares its claim.
func (b *batch) decode(place int, record *consumer.Record) *refusal {
	if len(b.events) == cap(b.events) {
		b.events = append(b.events, event.Event{})
	} else {
		b.events = b.events[:len(b.events)+1]
	}
	e := &b.events[len(b.events)-1]
	if refusal := decode(record, e); refusal != nil {
		b.events = b.events[:len(b.events)-1]
		return refusal
	}
	b.places = append(b.places, place)
	b.claims = append(b.claims, dedup.Claim{
		EventID: e.ID, TimeMS: e.TimeMS,
		Topic: record.Topic, Partition: record.Partition, Offset: record.Offset,
		PayloadHash: xxhash.Sum64(record.Value),
		Origin:      string(record.Header(dlq.HeaderOrigin)),
	})
	return nil
}

// Table implements sink.Batch.
func (*batch) Table() string { return Table }

// Block implements sink.Batch.
func (b *batch) Block() *block.Block { return b.rows.block }

// RecordOf implements sink.Batch.
func (b *batch) RecordOf(row int) int { return b.rowPlaces[row] }

// Stored implements sink.Batch.
func (b *batch) Stored(ctx context.Context) { b.metrics.stored(ctx, b.accepted) }
