package ingest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// steps is a store and a Kafka that write down what they are asked, and fail as
// often as they are told.
type steps struct {
	t        *testing.T
	asked    []string
	failures map[string]int
	mark     uint64
	// isStored says that all events are.
	isStored bool
}

func (s *steps) step(name string) error {
	s.asked = append(s.asked, name)
	if s.failures[name] > 0 {
		s.failures[name]--
		return errors.New(name + " is away")
	}
	return nil
}

func (s *steps) Publish(_ context.Context, records ...producer.Record) error {
	assert.Len(s.t, records, 1)
	return s.step("publish")
}

func (s *steps) Truncate(_ context.Context, _ table.Table, mark uint64) error {
	assert.Equal(s.t, s.mark, mark)
	return s.step("truncate")
}

func (s *steps) StoredEvents(_ context.Context, events []event.Event) (map[stored.Identity]bool, error) {
	known := map[stored.Identity]bool{}
	for i := range events {
		known[stored.Of(&events[i])] = s.isStored
	}
	return known, s.step("known")
}

func (s *steps) Newest(context.Context, table.Table) (uint64, error) {
	return s.mark, s.step("newest")
}

func (s *steps) Insert(_ context.Context, into string, rows *block.Block) error {
	assert.Equal(s.t, "likes", into)
	assert.Equal(s.t, 1, rows.Rows())
	return s.step("sweep")
}

func (s *steps) Earlier(context.Context, table.Table, []table.Need) (map[string]table.Earlier, error) {
	return nil, s.step("earlier")
}

// none is that no record is refused.
func none(int) bool { return false }

// createdAt is the record of a like that was created at a time.
func createdAt(at string) cdctest.Record {
	record := like("c", "", time.Now())
	record.Value = []byte(`{"before":null,"after":{"id":"` + likeID + `","post_id":"` + likeID + `","user_id":"` + likeID +
		`","created_at":"` + at + `"},"source":{"name":"nova","table":"likes","lsn":800},"op":"c"}`)
	return record
}

// An event is published unless its row is refused, or it is so old that nobody
// remembers it and found to be stored: a record can be redriven a month later.
func TestWhatIsPublished(t *testing.T) {
	const old = "2026-01-01T00:00:00Z"
	fresh := time.Now().UTC().Format(time.RFC3339)
	for name, test := range map[string]struct {
		at                  string
		isRefused, isStored bool
		want                []string
	}{
		"fresh":          {fresh, false, true, []string{"publish", "newest"}},
		"old":            {old, false, false, []string{"known", "publish", "newest"}},
		"old and stored": {old, false, true, []string{"known", "newest"}},
		"refused":        {fresh, true, false, []string{"newest"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &steps{t: t, failures: map[string]int{}, isStored: test.isStored}
			m, err := newMetrics(noop.Meter{})
			require.NoError(t, err)
			b := newBatch(table.All()[3], Deps{Epochs: debezium.Epochs{"nova": 0}, Store: s, PostEvents: []string{"likes"}, Events: s}, m)
			_, err = fill(t, b, on("cdc.likes", createdAt(test.at)))
			require.NoError(t, err)
			require.NoError(t, b.Finish(t.Context(), func(i int) bool { return test.isRefused && i == 0 }))
			assert.Equal(t, test.want, s.asked)
		})
	}
}

// What fails of a batch's other effects is repeated, and what is done is not: events
// are published once, the truncate is recorded before its batch looks for the newest,
// and the batch's own older rows go.
func TestFinish(t *testing.T) {
	s := &steps{t: t, failures: map[string]int{"publish": 1, "truncate": 1, "newest": 1, "sweep": 1}, mark: 1601}
	m, err := newMetrics(noop.Meter{})
	require.NoError(t, err)
	likes := table.All()[3]
	b := newBatch(likes, Deps{Epochs: debezium.Epochs{"nova": 0}, Store: s, PostEvents: []string{"likes"}, Events: s}, m)
	created := createdAt("2026-01-01T00:00:00Z")
	truncate := created
	truncate.Value = []byte(`{"before":null,"after":null,"source":{"name":"nova","table":"likes","lsn":1600},"op":"t"}`)
	classes, err := fill(t, b, on("cdc.likes", created, truncate))
	require.NoError(t, err)
	require.Empty(t, classes)
	for range 4 {
		require.Error(t, b.Finish(t.Context(), none))
	}
	require.NoError(t, b.Finish(t.Context(), none))
	assert.Equal(t, []string{
		"known", "publish",
		"known", "publish", "truncate",
		"truncate", "newest",
		"truncate", "newest", "sweep",
		"truncate", "newest", "sweep",
	}, s.asked)
}
