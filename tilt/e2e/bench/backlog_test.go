package bench_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/sync/errgroup"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/producer"
)

const (
	topic = "events"
	users = 100_000
	posts = 10_000
	// attributeBytes is what one attribute holds, but the last: a large event has several.
	attributeBytes = 50

	publishers     = 4
	publishRecords = 12_000
)

// backlog makes records of unique events of an exact size, and puts them on Kafka as
// the events API does: same keys, same batches, same compression.
type backlog struct {
	producer *producer.Producer
	random   *rand.Rand
	letters  string
}

func newBacklog(t *testing.T, brokers []string) *backlog {
	t.Helper()
	kafka, err := broker.Open(broker.Config{
		Brokers: brokers, ClientID: "bench", DialTimeout: 5 * time.Second, Timeout: 30 * time.Second, SASL: broker.SASL{Mechanism: broker.None},
	})
	require.NoError(t, err)
	t.Cleanup(kafka.Close)
	publishing, err := producer.New(producer.Config{
		MaxRecordBytes: 1_000_000, BatchBytes: 900_000, BatchRecords: 10_000, Linger: 2 * time.Millisecond, RequestTimeout: 30 * time.Second,
	}, producer.Deps{Broker: kafka, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, publishing.Close()) })
	random := rand.New(rand.NewPCG(1, 1))
	letters := make([]byte, 64<<10)
	for i := range letters {
		letters[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[random.IntN(64)]
	}
	return &backlog{producer: publishing, random: random, letters: string(letters)}
}

// put publishes n events, and returns when all are acknowledged.
func (b *backlog) put(ctx context.Context, n int, next func(*backlog) producer.Record) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(publishers)
	for n > 0 {
		records := []producer.Record(nil)
		for range min(n, publishRecords) {
			records = append(records, next(b))
		}
		n -= len(records)
		group.Go(func() error { return b.producer.Publish(ctx, records...) })
	}
	return group.Wait()
}

// protobufOf and jsonOf return what makes records whose value has that many bytes.
func protobufOf(size int) func(*backlog) producer.Record {
	return func(b *backlog) producer.Record {
		e := b.event(size, func(e *event.Event) int { return len(e.AppendProtobuf(nil)) })
		return record(e, e.AppendProtobuf(nil), event.ContentTypeProtobuf)
	}
}

func jsonOf(size int) func(*backlog) producer.Record {
	return func(b *backlog) producer.Record {
		e := b.event(size, func(e *event.Event) int { return len(asJSON(e)) })
		return record(e, asJSON(e), event.ContentTypeJSON)
	}
}

func record(e *event.Event, value []byte, contentType string) producer.Record {
	return producer.Record{
		Topic: topic, Key: []byte(e.UserID.String()), Value: value, Time: time.Now(),
		Headers: []producer.Header{
			{Key: event.HeaderContentType, Value: []byte(contentType)}, {Key: event.HeaderSchema, Value: []byte(event.Schema)},
		},
	}
}

// shape says how many attributes such a record has, which cost as much as bytes do.
func (b *backlog) shape(t *testing.T, next func(*backlog) producer.Record) string {
	t.Helper()
	record := next(b)
	var e event.Event
	require.NoError(t, event.DecodeRecord(record.Value, record.Headers[0].Value, &e))
	return fmt.Sprintf("attributes: %d", len(e.Attributes))
}

// event makes a unique event whose encoded size is exact.
func (b *backlog) event(size int, sizeOf func(*event.Event) int) *event.Event {
	e := &event.Event{
		ID: b.id(), TimeMS: time.Now().UnixMilli(), UserID: numbered(1, b.random.IntN(users)), PostID: numbered(2, b.random.IntN(posts)),
		Action: event.View + event.Action(b.random.IntN(5)), DwellMS: 1000 + b.random.Uint32N(9000), Device: "ios", AppVersion: "5.12.0",
	}
	for from := b.random.IntN(len(b.letters) - size); ; from += attributeBytes {
		e.Attributes = append(e.Attributes, event.Attribute{Name: "attribute" + strconv.Itoa(len(e.Attributes)+10)})
		missing := size - sizeOf(e)
		value := &e.Attributes[len(e.Attributes)-1].Value
		if missing <= 2*attributeBytes { // no room for one more
			*value = b.letters[from : from+missing]
			return e
		}
		*value = b.letters[from : from+attributeBytes]
	}
}

func (b *backlog) id() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:], b.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], b.random.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

func numbered(kind byte, n int) uuid.UUID {
	id := uuid.UUID{0: kind, 6: 0x80, 8: 0x80}
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	return id
}

// asJSON is an event as clients write it, which keep what they add beside the rest.
func asJSON(e *event.Event) []byte {
	var text strings.Builder
	text.WriteString(`{"event_id":"` + e.ID.String() + `","ts":` + strconv.FormatInt(e.TimeMS, 10) + `,"user_id":"` + e.UserID.String() +
		`","post_id":"` + e.PostID.String() + `","action":"` + e.Action.EventType() + `","dwell_ms":` + strconv.Itoa(int(e.DwellMS)) +
		`,"device":"` + e.Device + `","app_ver":"` + e.AppVersion + `"`)
	for _, attribute := range e.Attributes {
		text.WriteString(`,"` + attribute.Name + `":"` + attribute.Value + `"`)
	}
	return []byte(text.String() + "}")
}

// Records have exactly the size by which a row is named, are valid, and all differ.
func TestBacklogRecords(t *testing.T) {
	b := &backlog{random: rand.New(rand.NewPCG(1, 1)), letters: strings.Repeat("x", 64<<10)}
	seen := map[uuid.UUID]bool{}
	for _, size := range []int{300, 1600} {
		for name, next := range map[string]func(*backlog) producer.Record{"protobuf": protobufOf(size), "json": jsonOf(size)} {
			for range 500 {
				record := next(b)
				require.Len(t, record.Value, size, name)
				var e event.Event
				require.NoError(t, event.DecodeRecord(record.Value, record.Headers[0].Value, &e))
				require.False(t, seen[e.ID])
				seen[e.ID] = true
				require.Equal(t, name == "json", json.Valid(record.Value))
				assert.Equal(t, e.UserID.String(), string(record.Key))
			}
		}
	}
}
