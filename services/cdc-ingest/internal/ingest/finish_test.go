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
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// steps is a store and a Kafka that write down what they are asked, and fail as
// often as they are told.
type steps struct {
	t        *testing.T
	asked    []string
	failures map[string]int
	mark     uint64
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

// What fails of a batch's other effects is repeated, and what is done is not: events
// are published once, the truncate is recorded before its batch looks for the newest,
// and the batch's own older rows go.
func TestFinish(t *testing.T) {
	s := &steps{t: t, failures: map[string]int{"publish": 1, "truncate": 1, "newest": 1, "sweep": 1}, mark: 1601}
	m, err := newMetrics(noop.Meter{})
	require.NoError(t, err)
	likes := table.All()[3]
	b := newBatch(likes, Deps{Epochs: debezium.Epochs{"nova": 0}, Store: s, PostEvents: []string{"likes"}, Events: s}, m)
	created := like("c", "", time.Now())
	created.Value = []byte(`{"before":null,"after":{"id":"` + likeID + `","post_id":"` + likeID + `","user_id":"` + likeID +
		`","created_at":"2026-01-01T00:00:00Z"},"source":{"name":"nova","table":"likes","lsn":800},"op":"c"}`)
	truncate := created
	truncate.Value = []byte(`{"before":null,"after":null,"source":{"name":"nova","table":"likes","lsn":1600},"op":"t"}`)
	classes, err := fill(t, b, on("cdc.likes", created, truncate))
	require.NoError(t, err)
	require.Empty(t, classes)
	for range 4 {
		require.Error(t, b.Finish(t.Context()))
	}
	require.NoError(t, b.Finish(t.Context()))
	assert.Equal(t, []string{
		"publish",
		"publish", "truncate",
		"truncate", "newest",
		"truncate", "newest", "sweep",
		"truncate", "newest", "sweep",
	}, s.asked)
}
