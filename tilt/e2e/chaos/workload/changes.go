package workload

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

const (
	firstLSN = 26_000_000 // a multiple of lsnStep
	lsnStep  = 8
)

func (g *Generator) nextLSN() uint64 {
	g.lsn += lsnStep * uint64(1+g.random.IntN(20))
	return g.lsn
}

// Between these numbers of rows a table grows and shrinks.
const fewRows, manyRows = 40, 200

// change makes one change of one table.
func (g *Generator) change() []kafkaio.Record {
	s := pick(g, g.sources)
	way := g.random.IntN(100)
	switch {
	case len(s.ids) < fewRows, way < 40 && len(s.ids) < manyRows:
		return g.insert(s)
	case way < 70:
		return []kafkaio.Record{g.update(s, pick(g, s.ids))}
	case way < 90:
		return g.delete(s)
	case way < 95:
		return g.changeKey(s)
	default:
		return g.readStale(s)
	}
}

// insert streams a new row, or lets a snapshot find it.
func (g *Generator) insert(s *source) []kafkaio.Record {
	id := g.id()
	row := s.newRow(g, id)
	s.put(id, row)
	made := change{op: "c", table: s.Source, lsn: g.nextLSN(), after: s.object(row)}
	if g.chance(20) {
		made.op = "r"
	}
	return []kafkaio.Record{g.on(s, keyOf(id), g.envelope(made))}
}

func (g *Generator) update(s *source, id uuid.UUID) kafkaio.Record {
	old := s.rows[id]
	row := s.changed(g, old)
	s.put(id, row)
	made := change{op: "u", table: s.Source, lsn: g.nextLSN(), after: s.object(row)}
	if s.isFull {
		made.before = s.object(old)
	}
	return g.on(s, keyOf(id), g.envelope(made))
}

// delete is followed by the null that lets a compacted topic forget the key.
func (g *Generator) delete(s *source) []kafkaio.Record {
	i := g.random.IntN(len(s.ids))
	id := s.ids[i]
	records := g.deletion(s, s.rows[id])
	s.remove(i)
	return records
}

func (g *Generator) deletion(s *source, old row) []kafkaio.Record {
	if !s.isFull {
		old = s.keyOnly(old)
	}
	key := fmt.Appendf(nil, `{"id":%s}`, old[0].json)
	value := g.envelope(change{op: "d", table: s.Source, lsn: g.nextLSN(), before: s.object(old)})
	return []kafkaio.Record{g.on(s, key, value), g.on(s, key, nil)}
}

// changeKey is a deletion under the old key and a creation under the new one.
func (g *Generator) changeKey(s *source) []kafkaio.Record {
	i := g.random.IntN(len(s.ids))
	old := s.rows[s.ids[i]]
	records := g.deletion(s, old)
	s.remove(i)
	id := g.id()
	row := append(row(nil), old...)
	row[0] = textCell(id.String())
	s.put(id, row)
	value := g.envelope(change{op: "c", table: s.Source, lsn: g.nextLSN(), after: s.object(row)})
	return append(records, g.on(s, keyOf(id), value))
}

// readStale is a snapshot that read a row which has changed since: it must not win.
func (g *Generator) readStale(s *source) []kafkaio.Record {
	id := pick(g, s.ids)
	read := change{op: "r", table: s.Source, lsn: g.nextLSN(), after: s.object(s.rows[id])}
	return []kafkaio.Record{g.update(s, id), g.on(s, keyOf(id), g.envelope(read))}
}

func (g *Generator) on(s *source, key, value []byte) kafkaio.Record {
	return kafkaio.Record{Topic: s.Topic(), Partition: spread(key, g.cfg.Partitions), Key: key, Value: value}
}

// change is what a change event says.
type change struct {
	op, table     string
	lsn           uint64
	before, after string // objects; "" is null
}

// envelope is a change as the connector writes it, without the schema.
func (g *Generator) envelope(c change) []byte {
	snapshot, at := "false", g.cfg.Start.UnixMilli()
	if c.op == "r" {
		snapshot = "true"
	}
	return fmt.Appendf(nil, `{"before":%s,"after":%s,"source":{"version":"3.6.3.Final","connector":"postgresql","name":"nova",`+
		`"ts_ms":%d,"snapshot":%q,"db":"nova","sequence":"[null,\"%d\"]","schema":"public","table":%q,"txId":1,"lsn":%d,"xmin":null},`+
		`"transaction":null,"op":%q,"ts_ms":%d}`,
		orNull(c.before), orNull(c.after), at, snapshot, c.lsn, c.table, c.lsn, c.op, at)
}

func orNull(object string) string {
	if object == "" {
		return "null"
	}
	return object
}
