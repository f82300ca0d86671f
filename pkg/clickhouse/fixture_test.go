package clickhouse_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
)

// store is a server with the whole schema, and a writer of it.
type store struct {
	*clickhouse.Writer
	t      *testing.T
	server *chtest.Server
	pool   *clickhouse.Pool
	log    *journal
	reader *sdkmetric.ManualReader
}

// newStore makes a store whose attempts may take a second, so that what waits for
// their end does not wait long; change alters the writer's surroundings.
func newStore(t *testing.T, server *chtest.Server, change ...func(*clickhouse.WriterDeps)) *store {
	t.Helper()
	s := &store{t: t, server: server, log: &journal{}}
	s.pool = open(t, func(cfg *clickhouse.Config) { cfg.Timeout = time.Minute }, server.Addr)
	_, err := schema.New(schema.Config{PostEventsTTLDays: 400}, s.pool, slog.New(slog.DiscardHandler)).Apply(t.Context())
	require.NoError(t, err)
	// So that what is old stays to be counted.
	server.Exec("ALTER TABLE post_events REMOVE TTL")
	server.Exec("ALTER TABLE post_engagement_minutely REMOVE TTL")
	s.useTimeout(time.Minute, change...)
	return s
}

// useTimeout makes another pool and writer, whose attempts end by timeout.
func (s *store) useTimeout(timeout time.Duration, change ...func(*clickhouse.WriterDeps)) {
	s.t.Helper()
	s.pool = open(s.t, func(cfg *clickhouse.Config) { cfg.Timeout = timeout }, s.server.Addr)
	s.reader = sdkmetric.NewManualReader()
	deps := clickhouse.WriterDeps{
		Pool: s.pool, Log: slog.New(slog.NewTextHandler(s.log, nil)),
		Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader)).Meter(""),
	}
	for _, alter := range change {
		alter(&deps)
	}
	writer, err := clickhouse.NewWriter(clickhouse.WriterConfig{MaxAge: maxAge}, deps)
	require.NoError(s.t, err)
	s.Writer = writer
}

// maxAge is the age from which the tests' plans are old.
const maxAge = 30 * time.Minute

// checks returns how often the table was asked, by outcome.
func (s *store) checks() map[string]int64 {
	s.t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(s.t, s.reader.Collect(s.t.Context(), &collected))
	found := map[string]int64{}
	for _, scope := range collected.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if data, ok := metric.Data.(metricdata.Sum[int64]); ok && metric.Name == "clickhouse_provenance_checks_total" {
				for _, point := range data.DataPoints {
					outcome, _ := point.Attributes.Value("outcome")
					found[outcome.AsString()] += point.Value
				}
			}
		}
	}
	return found
}

// requireStored holds how many rows post_events has and how many likes its views
// count; every row of the tests is a like.
func (s *store) requireStored(rows, hourly, minutely int) {
	s.t.Helper()
	got := s.server.Query(`SELECT (SELECT count() FROM post_events), (SELECT sum(likes) FROM post_engagement_hourly), (SELECT sum(likes) FROM post_engagement_minutely)`)
	require.Equal(s.t, fmt.Sprintf("%d\t%d\t%d", rows, hourly, minutely), got, "rows of the table, sum by hour, sum by minute")
}

// events is a block for post_events.
type events struct {
	block *block.Block
	id    *block.UUIDColumn
	kind  *block.LowCardinalityColumn
	at    *block.DateTimeColumn
	user  *block.UUIDColumn
	post  *block.UUIDColumn
	dwell *block.Fixed[uint32]
	topic *block.LowCardinalityColumn
	part  *block.Fixed[uint32]
	index *block.Fixed[uint64]
	other []block.Column
}

func newEvents() *events {
	e := &events{
		id: block.UUID("event_id"), kind: block.LowCardinality("event_type"), at: block.DateTime64Milli("event_time"),
		user: block.UUID("user_id"), post: block.UUID("post_id"), dwell: block.UInt32("dwell_ms"),
		topic: block.LowCardinality("topic"), part: block.UInt32("partition"), index: block.UInt64("offset"),
		other: []block.Column{
			block.NullableUUID("author_id"), block.LowCardinality("device"), block.LowCardinality("app_ver"), block.Map("attributes"),
			block.DateTime64Milli("ingested_at"),
		},
	}
	e.block = block.New(append([]block.Column{e.id, e.kind, e.at, e.user, e.post, e.dwell, e.topic, e.part, e.index}, e.other...)...)
	return e
}

// add appends a like with that number, of a month of 2026.
func (e *events) add(number, month int) {
	e.id.Append([16]byte{8: byte(number >> 24), 9: byte(number >> 16), 10: byte(number >> 8), 11: byte(number)})
	e.kind.Append("post_like")
	e.at.AppendMillis(time.Date(2026, time.Month(month), 3, 4, 5, 6, 0, time.UTC).UnixMilli())
	e.user.Append([16]byte{15: 1})
	e.post.Append([16]byte{15: byte(number % 3)})
	e.dwell.Append(uint32(number))
	e.topic.Append("events")
	e.part.Append(uint32(month))
	e.index.Append(uint64(number))
	for _, column := range e.other {
		column.AppendDefault()
	}
}

// likes is a block of n likes numbered from first, in equal parts of that many
// months.
func likes(first, n, months int) *block.Block {
	e := newEvents()
	for i := range n {
		e.add(first+i, 1+i%months)
	}
	return e.block
}

// eventKey is the sort key of post_events.
func eventKey() []string { return []string{"post_id", "event_type", "event_time", "event_id"} }

func named(token string, rows *block.Block) clickhouse.Insert {
	return clickhouse.Insert{Table: "post_events", Block: rows, Token: token}
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
