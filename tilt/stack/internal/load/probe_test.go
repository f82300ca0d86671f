package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/servicetest"
)

// storing is an API that puts its events into ClickHouse some time after its 202.
type storing struct {
	t      *testing.T
	server *chtest.Server
	after  time.Duration // 0: never
	late   sync.WaitGroup
}

func (s *storing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.NoError(s.t, err)
	events, err := event.DecodeJSONBatch(body, event.Bounds{MaxEvents: 100, Latest: time.Now().Add(time.Hour)})
	assert.NoError(s.t, err)
	w.WriteHeader(http.StatusAccepted)
	if s.after == 0 {
		return
	}
	s.late.Go(func() {
		<-time.After(s.after)
		s.insert(events)
	})
}

func (s *storing) insert(events []event.Event) {
	for _, e := range events {
		_, err := s.server.Do(context.Background(), fmt.Sprintf(
			"INSERT INTO post_events (event_id, event_type, event_time, user_id, post_id) VALUES ('%s', '%s', fromUnixTimestamp64Milli(toInt64(%d)), '%s', '%s')",
			e.ID, e.Action.EventType(), e.TimeMS, e.UserID, e.PostID), nil)
		assert.NoError(s.t, err)
	}
}

// probed runs a load of half a second with a probe every 100 ms.
func probed(t *testing.T, cfg Config, handler http.Handler, from Querier) Report {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	cfg.URL, cfg.Rate, cfg.Batch = server.URL, 10, 1
	cfg.Duration, cfg.ProbeEvery = 500*time.Millisecond, 100*time.Millisecond
	report, err := Run(t.Context(), cfg, Deps{ClickHouse: from})
	require.NoError(t, err)
	return report
}

// Freshness is from the 202 until ClickHouse shows the event, also where that is after
// the end of the load; a marker that never shows is missing in the count.
func TestFreshness(t *testing.T) {
	server := chtest.Start(t)
	pool := servicetest.Migrate(t, server.Addr)
	slow := &storing{t: t, server: server, after: 400 * time.Millisecond}
	defer slow.late.Wait()
	report := probed(t, NewDefaultConfig(), slow, pool)
	assert.InDelta(t, 5, report.Probes, 1)
	assert.EqualValues(t, report.Probes, report.Freshness.Count)
	assert.GreaterOrEqual(t, report.Freshness.P50, 395.0)
	assert.Equal(t, 5, report.AcceptedEvents, "markers do not count as load")
	assert.Zero(t, report.ProbeFailures, report.LastProbeFailure)

	cfg := NewDefaultConfig()
	cfg.ProbeTimeout = 100 * time.Millisecond
	report = probed(t, cfg, &storing{t: t, server: server}, pool)
	assert.NotZero(t, report.Probes)
	assert.Zero(t, report.Freshness.Count)
}

// counting counts the rows that ClickHouse answers with.
type counting struct {
	Querier

	rows int
}

func (c *counting) Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error {
	return c.Querier.Query(ctx, sql, parameters, func(rows *block.Reader) error {
		for range rows.Rows() {
			c.rows++
		}
		return each(rows)
	})
}

// A question reads the markers since the oldest that is missing, not those of the whole
// run, and finds one that comes after its successors.
func TestQuestionsStayCheap(t *testing.T) {
	server := chtest.Start(t)
	from := &counting{Querier: servicetest.Migrate(t, server.Addr)}
	now := time.Now()
	p := newProbe(&runner{plan: newPlan(small(), now), recorder: newRecorder(1)}, from)
	storing := &storing{t: t, server: server}
	markers := make([]event.Event, 6)
	for i := range markers {
		markers[i] = p.marker(i, now.Add(time.Duration(i)*time.Millisecond))
		p.expect(markers[i], time.Now())
	}
	for _, step := range []struct {
		stored  []event.Event
		reads   int
		missing int
	}{
		{stored: markers[:3], reads: 3, missing: 3},
		{stored: markers[4:5], reads: 1, missing: 2},
		{stored: markers[3:4], reads: 2, missing: 1},
		{reads: 0, missing: 1},
		{stored: markers[5:], reads: 1, missing: 0},
	} {
		from.rows = 0
		storing.insert(step.stored)
		require.NoError(t, p.ask(t.Context()))
		assert.Equal(t, step.reads, from.rows)
		assert.Len(t, p.outstanding, step.missing)
	}
	assert.EqualValues(t, 6, p.recorder.report(0).Freshness.Count)
}

type away struct{}

func (away) Query(context.Context, string, clickhouse.Parameters, func(*block.Reader) error) error {
	return errors.New("nobody listens")
}

// A ClickHouse that is away, and an API that takes no markers, cost the freshness and
// not the load, and are named.
func TestNoFreshness(t *testing.T) {
	cfg := NewDefaultConfig()
	cfg.ProbeTimeout = 100 * time.Millisecond
	report := probed(t, cfg, &storing{t: t}, away{})
	assert.Equal(t, 5, report.AcceptedEvents)
	assert.NotZero(t, report.ProbeFailures)
	assert.Equal(t, "asking ClickHouse for markers: nobody listens", report.LastProbeFailure)

	busy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	report = probed(t, cfg, busy, away{})
	assert.Zero(t, report.Probes)
	assert.Contains(t, report.LastProbeFailure, "status 503")
}
