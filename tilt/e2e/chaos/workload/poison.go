package workload

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

// cdcPoisonPercent is how many poison records are on the topics of changes.
const cdcPoisonPercent = 40

// poisonRecord makes a record that nobody can store.
func (g *Generator) poisonRecord() kafkaio.Record {
	name := fmt.Sprintf("poison-%d", len(g.poison))
	g.poison[name] = true
	record := g.poisonEvent(name)
	if g.cfg.Changes && g.chance(cdcPoisonPercent) {
		record = g.poisonChange(name)
	}
	record.Partition = g.random.IntN(g.cfg.Partitions)
	record.Headers = append(record.Headers, kafkaio.Header{Key: PoisonHeader, Value: []byte(name)})
	return record
}

func (g *Generator) poisonEvent(name string) kafkaio.Record {
	record := kafkaio.Record{Topic: Topic, Key: []byte(name)}
	switch g.random.IntN(8) {
	case 0:
		record.Value = []byte("\xff\x00 no text " + name)
	case 1:
		record.Value = fmt.Appendf(nil, `{"event_id":%q,"ts":"soon","name":%q}`, g.id(), name)
	case 2:
		record.Value = fmt.Appendf(nil, ` {"event_id":%q,"ts":1700000000000,"action":"view"} `, g.id())
	case 3:
		record.Value = []byte("a,b," + name)
		record.Headers = contentType("text/csv")
	case 4:
		whole := g.event().AppendProtobuf(nil)
		g.forgetLast()
		record.Value = whole[:len(whole)/2]
		record.Headers = contentType("application/x-protobuf")
	case 5:
		record.Value = nil
	case 6:
		record.Value = []byte{}
	default:
		record.Value = fmt.Appendf(nil, `{"event_id":%q,"ts":1700000000000,"user_id":%q,"post_id":%q,"action":"stare"}`, g.id(), g.id(), g.id())
	}
	return record
}

// forgetLast takes back the event made last.
func (g *Generator) forgetLast() {
	last := g.order[len(g.order)-1]
	g.order = g.order[:len(g.order)-1]
	delete(g.events, last.ID)
}

// poisonChange is a record on a topic of changes, of a row that is not in the truth.
func (g *Generator) poisonChange(name string) kafkaio.Record {
	s := pick(g, g.sources)
	id := g.id()
	row := s.newRow(g, id)
	record := kafkaio.Record{Topic: s.Topic(), Key: keyOf(id)}
	switch g.random.IntN(5) {
	case 0:
		record.Value = []byte(`{"before":null, "after": ` + name)
	case 1:
		record.Value = []byte(s.object(row)) // flattened
	case 2:
		record.Value = g.envelope(change{op: "c", table: "job_runs", lsn: g.nextLSN(), after: s.object(row)})
	case 3:
		record.Value = g.envelope(change{op: "c", table: s.Source, lsn: 0, after: s.object(row)})
	default:
		row[0] = cell{json: fmt.Sprintf("%q", "no-uuid-"+name), want: ptr("")}
		record.Value = g.envelope(change{op: "c", table: s.Source, lsn: g.nextLSN(), after: s.object(row)})
	}
	return record
}

func ptr(text string) *string { return &text }

func keyOf(id uuid.UUID) []byte { return fmt.Appendf(nil, `{"id":%q}`, id) }
