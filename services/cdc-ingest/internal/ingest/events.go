package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
	"github.com/nova-data/nova/pkg/producer"
)

// eventsTopic is where events-ingest takes events from.
const eventsTopic = "events"

// oldKeyHeader marks a create that is half of a changed primary key.
const oldKeyHeader = "__debezium.oldkey"

// Publisher puts records on Kafka. It returns nil when all are acknowledged.
type Publisher interface {
	Publish(ctx context.Context, records ...producer.Record) error
}

// Actions returns what the creation of a row can be reported as, by table.
func Actions() map[string]event.Action {
	return map[string]event.Action{"likes": event.Like, "comments": event.Comment}
}

// rememberedFor is less than events-ingest remembers an event at the least
// (DEDUP_TTL, 24 h unless set). An older one that is published again is looked up.
const rememberedFor = 12 * time.Hour

// echo makes client events of rows that are created. Their ids are those of the
// rows, so that an event which is published again counts once: because
// events-ingest remembers it, or because it is found to be stored. A snapshot's rows
// are none: it can come again years later.
type echo struct {
	action    event.Action
	publisher Publisher
	store     Store
	space     uuid.UUID // of the events' ids
	created   []created
}

// created is a row that was created, and is reported.
type created struct {
	event event.Event
	// place is that of its record in the batch.
	place int
}

func newEcho(action event.Action, deps Deps) echo {
	return echo{action: action, publisher: deps.Events, store: deps.Store, space: eventSpace()}
}

func (e *echo) reset() { e.created = e.created[:0] }

// add takes the row of a change, if it was created.
func (e *echo) add(change *debezium.Envelope, record *consumer.Record, place int) {
	if e.publisher == nil || change.Op != debezium.Create {
		return
	}
	for _, header := range record.Headers {
		if header.Key == oldKeyHeader {
			return
		}
	}
	if made, ok := e.event(change); ok {
		e.created = append(e.created, created{event: made, place: place})
	}
}

// recordOf is the record of an event.
func recordOf(made *event.Event) producer.Record {
	return producer.Record{
		Topic: eventsTopic, Key: []byte(made.UserID.String()), Value: made.AppendProtobuf(nil),
		Headers: []producer.Header{
			{Key: event.HeaderContentType, Value: []byte(event.ContentTypeProtobuf)},
			{Key: event.HeaderSchema, Value: []byte(event.Schema)},
		},
	}
}

const microsPerMilli = 1000

// event reports a row; false means that it has no instant which an event can have.
func (e *echo) event(change *debezium.Envelope) (made event.Event, ok bool) {
	var problems [4]error
	read := func(i int, column string) (id uuid.UUID) {
		value, _ := change.After.Find(column)
		id, problems[i] = value.UUID()
		return id
	}
	id := read(0, "id")
	made = event.Event{Action: e.action, PostID: read(1, "post_id"), UserID: read(2, "user_id")}
	created, _ := change.After.Find("created_at")
	micros, err := created.Timestamptz()
	problems[3] = err
	made.ID = eventID(e.space, string(change.Source.Table), id)
	made.TimeMS = micros / microsPerMilli
	isWithin := made.TimeMS > 0 && made.TimeMS <= event.MaxTimeMS
	return made, errors.Join(problems[:]...) == nil && isWithin
}

// EventID is the id of the event that reports the creation of a row: the UUID
// version 5 of "<table>/<id>", the id in lower case, within the namespace that is
// itself version 5 of "cdc.nova" within DNS.
func EventID(table string, id uuid.UUID) uuid.UUID { return eventID(eventSpace(), table, id) }

func eventSpace() uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceDNS, []byte("cdc.nova")) }

func eventID(space uuid.UUID, table string, id uuid.UUID) uuid.UUID {
	return uuid.NewSHA1(space, []byte(table+"/"+id.String()))
}

// publish returns nil when all events of the batch are acknowledged, which it does
// not send again then. Rows of refused records are not created yet.
func (e *echo) publish(ctx context.Context, isRefused func(place int) bool) error {
	known, err := e.known(ctx)
	if err != nil {
		return err
	}
	records := make([]producer.Record, 0, len(e.created))
	for i := range e.created {
		if c := &e.created[i]; !isRefused(c.place) && !known[stored.Of(&c.event)] {
			records = append(records, recordOf(&c.event))
		}
	}
	if len(records) > 0 {
		if err := e.publisher.Publish(ctx, records...); err != nil {
			return fmt.Errorf("publishing %d events: %w", len(records), err)
		}
	}
	e.reset()
	return nil
}

// known returns the events that are stored, of those that are not remembered: records
// that are redriven, or read again from a topic's start.
func (e *echo) known(ctx context.Context) (map[stored.Identity]bool, error) {
	var old []event.Event
	for i := range e.created {
		if made := &e.created[i].event; time.Since(time.UnixMilli(made.TimeMS)) > rememberedFor {
			old = append(old, *made)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	return e.store.StoredEvents(ctx, old)
}
