package ingest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/sink"
)

// holders is a Claimer in memory; a failure decides nothing.
type holders struct {
	offsets map[uuid.UUID]int64
	claims  []dedup.Claim
	fail    error
}

func (h *holders) Claim(_ context.Context, claims []dedup.Claim) ([]bool, error) {
	if h.fail != nil {
		return nil, h.fail
	}
	h.claims = claims
	kept := make([]bool, len(claims))
	for i, claim := range claims {
		if _, isHeld := h.offsets[claim.EventID]; !isHeld {
			h.offsets[claim.EventID] = claim.Offset
		}
		kept[i] = h.offsets[claim.EventID] == claim.Offset
	}
	return kept, nil
}

func newTestBatch(tb testing.TB, claimer Claimer) *batch {
	tb.Helper()
	m, err := newMetrics(noop.Meter{})
	require.NoError(tb, err)
	return &batch{claimer: claimer, metrics: m, rows: newRows()}
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

// Only holders of claims become rows, each traced to its record, and what does not
// decode is rejected with its reason; filled again, the batch is the same.
func TestFill(t *testing.T) {
	h := &holders{offsets: map[uuid.UUID]int64{{15: 2}: 7}}
	b := newTestBatch(t, h)
	for range 2 {
		b.Reset()
		rejected := map[int]sink.Rejection{}
		require.NoError(t, b.Fill(t.Context(),
			[]consumer.Record{record(1, 10), poison(11), record(2, 12), record(1, 13), record(3, 14)},
			func(i int, r sink.Rejection) { rejected[i] = r }))
		require.Len(t, rejected, 1)
		assert.Equal(t, "syntax", rejected[1].Class)
		assert.Equal(t, "nova.events.v9.Event", rejected[1].Schema)
		require.Error(t, rejected[1].Err)
		require.NoError(t, b.Block().Check())
		require.Equal(t, 2, b.Block().Rows())
		assert.Equal(t, []int{0, 4}, []int{b.RecordOf(0), b.RecordOf(1)})
	}
	require.Len(t, h.claims, 4)
	assert.Equal(t, h.claims[0].PayloadHash, h.claims[2].PayloadHash)
	h.claims[0].PayloadHash = 0
	assert.Equal(t, dedup.Claim{EventID: uuid.UUID{15: 1}, TimeMS: 1764000000000, Topic: "events", Partition: 1, Offset: 10}, h.claims[0])
	b.Stored(t.Context())
}

// Without an answer about claims nothing is decided: there are no rows, and the
// error is the Claimer's.
func TestNoAnswerAboutClaims(t *testing.T) {
	h := &holders{offsets: map[uuid.UUID]int64{}, fail: errors.New("away")}
	b := newTestBatch(t, h)
	fill := func() error {
		b.Reset()
		return b.Fill(t.Context(), []consumer.Record{record(1, 10)}, func(int, sink.Rejection) { t.Error("rejected") })
	}
	require.ErrorIs(t, fill(), h.fail)
	assert.Zero(t, b.Block().Rows())
	h.fail = nil
	require.NoError(t, fill())
	assert.Equal(t, 1, b.Block().Rows())
}
