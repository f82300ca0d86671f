package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/event"
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

// echo makes client events of rows that are created. Their ids are those of the
// rows, so that an event which is published again counts once for as long as
// events-ingest remembers it. A snapshot's rows are none: it can come again years
// later.
type echo struct {
	action    event.Action
	publisher Publisher
	space     uuid.UUID // of the events' ids
	records   []producer.Record
}

func newEcho(action event.Action, publisher Publisher) echo {
	return echo{action: action, publisher: publisher, space: eventSpace()}
}

func (e *echo) reset() {
	clear(e.records) // they hold events
	e.records = e.records[:0]
}

// add takes the row of a change, if it was created.
func (e *echo) add(change *debezium.Envelope, record *consumer.Record) {
	if e.publisher == nil || change.Op != debezium.Create {
		return
	}
	for _, header := range record.Headers {
		if header.Key == oldKeyHeader {
			return
		}
	}
	if made, ok := e.event(change); ok {
		e.records = append(e.records, producer.Record{
			Topic: eventsTopic, Key: []byte(made.UserID.String()), Value: made.AppendProtobuf(nil),
			Headers: []producer.Header{
				{Key: event.HeaderContentType, Value: []byte(event.ContentTypeProtobuf)},
				{Key: event.HeaderSchema, Value: []byte(event.Schema)},
			},
		})
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
// not send again then.
func (e *echo) publish(ctx context.Context) error {
	if len(e.records) == 0 {
		return nil
	}
	if err := e.publisher.Publish(ctx, e.records...); err != nil {
		return fmt.Errorf("publishing %d events: %w", len(e.records), err)
	}
	e.reset()
	return nil
}
