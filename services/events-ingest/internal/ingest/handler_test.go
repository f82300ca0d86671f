package ingest_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/services/events-ingest/internal/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is everything a Handler works with; it writes down in which order it is
// asked, and fails where it is told.
type world struct {
	steps   []string
	letters []dlq.Letter
	claims  []dedup.Claim
	rows    int
	held    map[uuid.UUID]int64 // offset of the holder
	fail    map[string]error
}

func (w *world) Write(_ context.Context, letters []dlq.Letter) error {
	w.steps = append(w.steps, "letters")
	if err := w.fail["letters"]; err != nil {
		return err
	}
	w.letters = append(w.letters, letters...)
	return nil
}

func (w *world) Claim(_ context.Context, claims []dedup.Claim) ([]bool, error) {
	w.steps = append(w.steps, "claim")
	if err := w.fail["claim"]; err != nil {
		return nil, err
	}
	w.claims = append(w.claims, claims...)
	kept := make([]bool, len(claims))
	for i, claim := range claims {
		if _, isHeld := w.held[claim.EventID]; !isHeld {
			w.held[claim.EventID] = claim.Offset
		}
		kept[i] = w.held[claim.EventID] == claim.Offset
	}
	return kept, nil
}

func (w *world) Insert(_ context.Context, insert clickhouse.Insert) error {
	w.steps = append(w.steps, "insert")
	if err := w.fail["insert"]; err != nil {
		return err
	}
	if insert.Table != "post_events" {
		return errors.New("unknown table " + insert.Table)
	}
	w.rows += insert.Block.Rows()
	return insert.Block.Check()
}

func newHandler(t *testing.T) (*ingest.Handler, *world) {
	t.Helper()
	w := &world{held: map[uuid.UUID]int64{}, fail: map[string]error{}}
	h, err := ingest.New(ingest.Deps{Claimer: w, Store: w, Letters: w, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	require.NoError(t, err)
	return h, w
}

// record is the record of event n at an offset.
func record(n byte, offset int64) consumer.Record {
	e := event.Event{
		ID: uuid.UUID{15: n}, TimeMS: 1764000000000, UserID: uuid.UUID{1}, PostID: uuid.UUID{2}, Action: event.View,
		Device: "ios", Attributes: []event.Attribute{{Name: "k", Value: "v"}},
	}
	return consumer.Record{
		Topic: "events", Partition: 1, Offset: offset, Value: e.AppendProtobuf(nil), Time: time.UnixMilli(1764000000001),
		Headers: []consumer.Header{{Key: "content-type", Value: []byte("text/csv")}, {Key: "content-type", Value: []byte("application/x-protobuf")}},
	}
}

func poison(offset int64) consumer.Record {
	return consumer.Record{
		Topic: "events", Partition: 1, Offset: offset, Value: []byte("poison"), Time: time.UnixMilli(1764000000001),
		Headers: []consumer.Header{{Key: "nova-schema", Value: []byte("nova.events.v9.Event")}},
	}
}

// A letter is acknowledged before the insert that leaves its record out, and only
// holders of claims become rows.
func TestOrderOfEffects(t *testing.T) {
	h, w := newHandler(t)
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{record(1, 10), poison(11), record(2, 12), record(1, 13)}))
	assert.Equal(t, []string{"letters", "claim", "insert"}, w.steps)
	assert.Equal(t, 2, w.rows)
	require.Len(t, w.letters, 1)
	assert.Equal(t, "events/1/11", w.letters[0].Origin())
	assert.Equal(t, "syntax", w.letters[0].ErrorClass)
	assert.Equal(t, "nova.events.v9.Event", w.letters[0].Schema)
	require.Len(t, w.claims, 3)
	assert.Equal(t, w.claims[0].PayloadHash, w.claims[2].PayloadHash)
	w.claims[0].PayloadHash = 0
	assert.Equal(t, dedup.Claim{EventID: uuid.UUID{15: 1}, TimeMS: 1764000000000, Topic: "events", Partition: 1, Offset: 10}, w.claims[0])
}

// A step that fails stops the batch, and the same records handled again end as if
// nothing had failed, with each letter written once.
func TestRepetitionAfterAFailure(t *testing.T) {
	records := []consumer.Record{record(1, 10), poison(11), record(1, 12), poison(13)}
	for step, letters := range map[string][]string{
		"letters": {"letters", "letters", "claim", "insert"},
		"claim":   {"letters", "claim", "claim", "insert"},
		"insert":  {"letters", "claim", "insert", "claim", "insert"},
	} {
		t.Run(step, func(t *testing.T) {
			h, w := newHandler(t)
			w.fail[step] = errors.New("away")
			require.ErrorContains(t, h.Handle(t.Context(), records), "away")
			assert.Zero(t, w.rows)
			delete(w.fail, step)
			require.NoError(t, h.Handle(t.Context(), records))
			assert.Equal(t, letters, w.steps)
			assert.Len(t, w.letters, 2)
			assert.Equal(t, 1, w.rows)
		})
	}
}

// A letter is remembered only for as long as its batch is not done: when offsets
// are set back it is written again.
func TestLettersAreForgottenWithTheirBatch(t *testing.T) {
	h, w := newHandler(t)
	for range 2 {
		require.NoError(t, h.Handle(t.Context(), []consumer.Record{poison(11)}))
	}
	assert.Len(t, w.letters, 2)
}

// A batch has nothing left of the one whose memory it uses.
func TestBatchesDoNotMix(t *testing.T) {
	h, w := newHandler(t)
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{record(1, 1), record(2, 2), poison(3)}))
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{record(3, 4)}))
	assert.Equal(t, 3, w.rows)
	assert.Len(t, w.letters, 1)
	require.NoError(t, h.Handle(t.Context(), nil))
	assert.Equal(t, 3, w.rows)
}

// discard is a Store that keeps nothing.
type discard struct{}

func (discard) Insert(context.Context, clickhouse.Insert) error {
	return nil
}

// keepAll is a Claimer without duplicates.
type keepAll struct{ kept []bool }

func (k keepAll) Claim(_ context.Context, claims []dedup.Claim) ([]bool, error) {
	return k.kept[:len(claims)], nil
}

// BenchmarkHandle is the cost of one record without Kafka, Redis and ClickHouse.
func BenchmarkHandle(b *testing.B) {
	const size = 10_000
	claimer := keepAll{kept: make([]bool, size)}
	for i := range claimer.kept {
		claimer.kept[i] = true
	}
	h, err := ingest.New(ingest.Deps{Claimer: claimer, Store: discard{}, Letters: &world{}, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	require.NoError(b, err)
	records := make([]consumer.Record, size)
	for i := range records {
		records[i] = record(byte(i), int64(i))
	}
	b.ReportAllocs()
	for done := 0; done < b.N; done += size {
		require.NoError(b, h.Handle(b.Context(), records))
	}
}
