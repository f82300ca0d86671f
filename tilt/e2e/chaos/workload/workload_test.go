package workload_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

var (
	start  = time.UnixMilli(1_795_700_000_000)
	volume = workload.Volume{Steps: 10, Events: 300, Changes: 400, Poison: 40, Forbidden: 3, Throwing: 4}
)

func generator() *workload.Generator {
	return workload.New(workload.Config{Seed: 7, Start: start, Partitions: 12, Changes: true, API: true})
}

// The same seed makes the same rounds and the same truth.
func TestSameSeed(t *testing.T) {
	one, other := generator(), generator()
	for range 3 {
		require.Equal(t, one.Round(volume), other.Round(volume))
	}
	require.Equal(t, one.Events(), other.Events())
	for _, table := range workload.Tables() {
		require.Equal(t, one.Rows(table), other.Rows(table))
		require.NotEmpty(t, one.Rows(table))
	}
}

func eachRecord(round workload.Round, do func(kafkaio.Record)) {
	for _, step := range append(round.Steps, round.Late) {
		for _, record := range step.Records {
			do(record)
		}
	}
}

func header(record kafkaio.Record, name string) []byte {
	for _, h := range record.Headers {
		if h.Key == name {
			return h.Value
		}
	}
	return nil
}

// Every record on the topic is an event of the truth, exactly, or marked as poison
// and refused by the decoder; every event is sent, some of them several times.
func TestEvents(t *testing.T) {
	g := generator()
	copies := map[uuid.UUID]int{}
	poison := map[string]bool{}
	for range 3 {
		round := g.Round(volume)
		eachRecord(round, func(record kafkaio.Record) {
			name := header(record, workload.PoisonHeader)
			if name != nil {
				poison[string(name)] = true
			}
			if record.Topic != workload.Topic {
				return
			}
			var decoded event.Event
			err := event.DecodeRecord(record.Value, header(record, event.HeaderContentType), &decoded)
			if name != nil {
				require.Error(t, err, "%s", record.Value)
				return
			}
			require.NoError(t, err)
			requireKnown(t, g, decoded)
			copies[decoded.ID]++
		})
		for _, step := range round.Steps {
			for _, body := range step.Posts {
				for _, id := range posted(t, body) {
					copies[id]++
				}
			}
		}
	}
	assert.Len(t, copies, len(g.Events()))
	assert.Equal(t, g.Poison(), poison)
	total, forbidden := 0, 0
	for id, n := range copies {
		total += n
		if g.Events()[id].IsForbidden {
			forbidden++
		}
	}
	assert.Greater(t, total, len(copies)*5/4, "a quarter are copies")
	assert.Equal(t, 3*volume.Forbidden, forbidden)
}

func requireKnown(t *testing.T, g *workload.Generator, decoded event.Event) {
	t.Helper()
	known := g.Events()[decoded.ID]
	require.NotNil(t, known)
	want := known.Event
	if len(want.Attributes) == 0 {
		want.Attributes, decoded.Attributes = nil, nil
	}
	require.Equal(t, want, decoded)
}

func posted(t *testing.T, body []byte) []uuid.UUID {
	t.Helper()
	var request struct {
		Events []struct {
			ID uuid.UUID `json:"event_id"`
			TS int64     `json:"ts"`
		} `json:"events"`
	}
	require.NoError(t, json.Unmarshal(body, &request))
	var ids []uuid.UUID
	for _, e := range request.Events {
		require.WithinRange(t, time.UnixMilli(e.TS), start.Add(-3*time.Hour), start, "the API takes it")
		ids = append(ids, e.ID)
	}
	return ids
}

// Changes replayed in the order of their positions give the rows of the truth.
func TestChanges(t *testing.T) {
	g := generator()
	type state struct {
		lsn  uint64
		rows map[string]string
	}
	tables := map[string]*state{}
	for _, table := range workload.Tables() {
		tables[table.Topic()] = &state{rows: map[string]string{}}
	}
	partitions := map[string]int{}
	for range 5 {
		eachRecord(g.Round(volume), func(record kafkaio.Record) {
			s := tables[record.Topic]
			if s == nil || header(record, workload.PoisonHeader) != nil {
				return
			}
			if before, known := partitions[string(record.Key)]; known {
				require.Equal(t, before, record.Partition, "changes of a row keep their order")
			}
			partitions[string(record.Key)] = record.Partition
			if record.Value == nil {
				return
			}
			require.True(t, json.Valid(record.Value), "%s", record.Value)
			replay(t, record.Value, &s.lsn, s.rows)
		})
	}
	for _, table := range workload.Tables() {
		rows := g.Rows(table)
		require.Len(t, rows, len(tables[table.Topic()].rows))
		for id := range rows {
			require.Contains(t, tables[table.Topic()].rows, id)
		}
	}
}

func replay(t *testing.T, value []byte, newest *uint64, rows map[string]string) {
	t.Helper()
	var e struct {
		Op            string
		Before, After json.RawMessage
		Source        struct{ LSN uint64 }
	}
	require.NoError(t, json.Unmarshal(value, &e))
	idOf := func(object json.RawMessage) string {
		var row struct{ ID string }
		require.NoError(t, json.Unmarshal(object, &row))
		return row.ID
	}
	require.Zero(t, e.Source.LSN%8)
	if e.Op == "r" {
		if _, there := rows[idOf(e.After)]; there {
			return // it fills, it does not override
		}
	} else {
		require.Greater(t, e.Source.LSN, *newest)
		*newest = e.Source.LSN
	}
	if e.Op == "d" {
		require.Contains(t, rows, idOf(e.Before))
		delete(rows, idOf(e.Before))
		return
	}
	rows[idOf(e.After)] = string(bytes.TrimSpace(e.After))
}
