package workload

import (
	"encoding/json"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

// Topic is where events are.
const Topic = "events"

// The devices by which a constraint and a view tell the events they refuse.
const (
	ForbiddenDevice = "forbidden"
	ThrowingDevice  = "throws"
)

// Event is a unique event, which copies share.
type Event struct {
	event.Event
	// Round is that of its first copy.
	Round int
	// IsForbidden says that it must become a dead letter, and no row.
	IsForbidden bool
	// partition is where its first copy is, if it did not go through the API.
	partition int
}

// Events returns all unique events so far, by id.
func (g *Generator) Events() map[uuid.UUID]*Event { return g.events }

// Copies of an event, in percent of the events.
const (
	nearPercent  = 12 // in the same step
	soonPercent  = 8  // some steps later
	crossPercent = 8  // on another partition
	latePercent  = 6  // after the faults
	farPercent   = 5  // of a round before
	postPercent  = 12 // sent through the API, not straight to the topic
)

const (
	soonSteps = 4
	postSize  = 20 // events in a body
)

func (g *Generator) addEvents(round *Round, v Volume) {
	earlier := g.order
	posts := make([][]*Event, v.Steps)
	for i := range v.Events + v.Forbidden + v.Throwing {
		e := g.event()
		switch {
		case i >= v.Events+v.Forbidden:
			e.Device = ThrowingDevice
		case i >= v.Events:
			e.Device, e.IsForbidden = ForbiddenDevice, true
		}
		at := g.random.IntN(v.Steps)
		if g.cfg.API && g.chance(postPercent) && g.isRecent(e) {
			posts[at] = append(posts[at], e)
		} else {
			round.Steps[at].add(g.record(e, e.partition))
		}
		g.copy(round, e, at)
		if len(earlier) > 0 && g.chance(farPercent) {
			far := pick(g, earlier)
			round.Steps[at].add(g.record(far, g.random.IntN(g.cfg.Partitions)))
		}
	}
	for at, events := range posts {
		for len(events) > 0 {
			n := min(len(events), postSize)
			round.Steps[at].Posts = append(round.Steps[at].Posts, body(events[:n]))
			events = events[n:]
		}
	}
}

// copy adds copies of an event that is sent at a step.
func (g *Generator) copy(round *Round, e *Event, at int) {
	later := min(at+1+g.random.IntN(soonSteps), len(round.Steps)-1)
	if g.chance(nearPercent) {
		round.Steps[at].add(g.record(e, e.partition))
	}
	if g.chance(soonPercent) {
		round.Steps[later].add(g.record(e, e.partition))
	}
	if g.chance(crossPercent) {
		round.Steps[later].add(g.record(e, g.random.IntN(g.cfg.Partitions)))
	}
	if g.chance(latePercent) {
		round.Late.add(g.record(e, g.random.IntN(g.cfg.Partitions)))
	}
}

func (s *Step) add(record kafkaio.Record) { s.Records = append(s.Records, record) }

const (
	recent = 2 * time.Hour
	// Some events are of two other months, so that a block has several parts. A
	// view that forgets after two days does not have them.
	oldPercent = 5
	monthAgo   = 33 * 24 * time.Hour
)

// event makes a unique event.
func (g *Generator) event() *Event {
	at := g.cfg.Start.Add(-time.Duration(g.random.Int64N(int64(recent))))
	if g.chance(oldPercent) {
		at = at.Add(-monthAgo * time.Duration(1+g.random.IntN(2)))
	}
	e := &Event{Round: g.round, Event: event.Event{
		ID: g.id(), TimeMS: at.UnixMilli(), UserID: pick(g, g.users), PostID: pick(g, g.posts),
		Action: event.View + event.Action(g.random.IntN(int(event.Share))), DwellMS: g.random.Uint32N(20_000),
		Device: pick(g, []string{"ios", "android", "web", ""}), AppVersion: Tag(g.round),
	}}
	if g.chance(30) {
		e.AuthorID = pick(g, g.users)
	}
	if g.chance(20) {
		e.Attributes = []event.Attribute{{Name: "campaign", Value: strconv.Itoa(g.random.IntN(5))}, {Name: "lang", Value: "日本語"}}
	}
	e.partition = spread(e.UserID[:], g.cfg.Partitions)
	g.events[e.ID] = e
	g.order = append(g.order, e)
	return e
}

// Tag is the app_ver of a round's events.
func Tag(round int) string { return "r" + strconv.Itoa(round) }

func (g *Generator) isRecent(e *Event) bool {
	return e.TimeMS > g.cfg.Start.Add(-recent).UnixMilli()
}

// spread is the partition of a key.
func spread(key []byte, partitions int) int {
	hash := fnv.New32a()
	_, _ = hash.Write(key)
	return int(hash.Sum32() % uint32(partitions))
}

// record encodes an event in one of the ways there are.
func (g *Generator) record(e *Event, partition int) kafkaio.Record {
	record := kafkaio.Record{Topic: Topic, Partition: partition, Key: []byte(e.UserID.String())}
	way := int(e.ID[len(e.ID)-1]) % 10 // copies look alike, most of them
	if g.chance(20) {
		way = g.random.IntN(10)
	}
	switch {
	case way < 6:
		record.Value = e.AppendProtobuf(nil)
		record.Headers = contentType(event.ContentTypeProtobuf)
	case way < 8:
		record.Value = asJSON(e)
		record.Headers = contentType(event.ContentTypeJSON)
	default: // as older producers wrote it
		record.Value = asJSON(e)
	}
	return record
}

func contentType(value string) []kafkaio.Header {
	return []kafkaio.Header{{Key: event.HeaderContentType, Value: []byte(value)}}
}

func asJSON(e *Event) []byte {
	fields := map[string]any{
		"event_id": e.ID, "ts": e.TimeMS, "user_id": e.UserID, "post_id": e.PostID, "action": e.Action.EventType(),
		"dwell_ms": e.DwellMS, "device": e.Device, "app_ver": e.AppVersion,
	}
	if e.AuthorID != uuid.Nil {
		fields["author_id"] = e.AuthorID
	}
	for _, attribute := range e.Attributes {
		fields[attribute.Name] = attribute.Value
	}
	text, _ := json.Marshal(fields) // of strings and numbers, which all have a form
	return text
}

// body is that of a request to the API.
func body(events []*Event) []byte {
	all := make([]json.RawMessage, 0, len(events))
	for _, e := range events {
		all = append(all, asJSON(e))
	}
	text, _ := json.Marshal(map[string]any{"events": all})
	return text
}
