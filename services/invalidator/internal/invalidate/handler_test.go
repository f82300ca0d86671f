package invalidate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/services/invalidator/internal/audience"
	"github.com/nova-data/nova/services/invalidator/internal/invalidate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is everything a Handler works with; it writes down what it is asked, in
// order, and fails where it is told to.
type world struct {
	steps   []string
	fail    string
	unknown int
	// takes is how long a sweep takes; swept gets the users of one that is given up.
	takes   time.Duration
	swept   chan map[uuid.UUID]struct{}
	reader  *sdkmetric.ManualReader
	metrics *invalidate.Metrics
	log     bytes.Buffer
}

var errAway = errors.New("away")

func (w *world) step(name string, ids ...uuid.UUID) error {
	texts := []string{name}
	for _, id := range ids {
		texts = append(texts, strconv.Itoa(int(id[15])))
	}
	slices.Sort(texts[1:])
	w.steps = append(w.steps, strings.Join(texts, " "))
	if w.fail == name {
		return errAway
	}
	return nil
}

// Find makes the user 9 follow everybody.
func (w *world) Find(_ context.Context, q audience.Question) (audience.Set, int, error) {
	err := w.step("find", slices.Concat(slices.Collect(maps.Keys(q.Users)), slices.Collect(maps.Keys(q.Authors)), slices.Collect(maps.Keys(q.Posts)))...)
	q.Users.Add(uuid.UUID{15: 9})
	return q.Users, w.unknown, err
}

func (w *world) Invalidate(_ context.Context, users []uuid.UUID) (int, error) {
	return len(users), w.step("index", users...)
}

func (w *world) Sweep(ctx context.Context, users map[uuid.UUID]struct{}) error {
	err := w.step("sweep", slices.Collect(maps.Keys(users))...)
	if w.fail == "panic" {
		panic("a bug")
	}
	select {
	case <-time.After(w.takes):
		return err
	case <-ctx.Done():
		w.swept <- users // which the sweeper still reads
		return ctx.Err()
	}
}

func newWorld(t *testing.T) (*world, invalidate.Deps) {
	t.Helper()
	w := &world{reader: sdkmetric.NewManualReader(), swept: make(chan map[uuid.UUID]struct{}, 1)}
	var err error
	w.metrics, err = invalidate.NewMetrics(sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader)).Meter(""))
	require.NoError(t, err)
	return w, invalidate.Deps{Audience: w, Cache: w, Sweeper: w, Metrics: w.metrics, Log: slog.New(slog.NewTextHandler(&w.log, nil))}
}

// series is every number that was counted, by name and labels; of a histogram
// how many values, and their sum.
func (w *world) series(t *testing.T) map[string]int64 {
	t.Helper()
	var collected metricdata.ResourceMetrics
	require.NoError(t, w.reader.Collect(t.Context(), &collected))
	all := map[string]int64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					if point.Value != 0 {
						all[m.Name+labels(point.Attributes)] = point.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, point := range data.DataPoints {
					all[m.Name+labels(point.Attributes)] = int64(point.Count)
					all[m.Name+"_sum"+labels(point.Attributes)] = int64(point.Sum)
				}
			}
		}
	}
	return all
}

func labels(set attribute.Set) string {
	var text strings.Builder
	for _, label := range set.ToSlice() {
		fmt.Fprintf(&text, " %s=%s", label.Key, label.Value.String())
	}
	return text.String()
}

func id(n int) string { return fmt.Sprintf("10000000-0000-4000-8000-%012d", n) }

// change is a record of the topic "cdc.likes".
func change(op, row string, committed time.Time) consumer.Record {
	rows := `"before":null,"after":` + row
	if op == "d" {
		rows = `"after":null,"before":` + row
	}
	return consumer.Record{Topic: "cdc.likes", Value: fmt.Appendf(nil, `{%s,"source":{"name":"nova","ts_ms":%d,"lsn":8},"op":%q,"ts_ms":1}`, rows, committed.UnixMilli(), op)}
}

func like(user, post int, committed time.Time) consumer.Record {
	return change("c", fmt.Sprintf(`{"user_id":%q,"post_id":%q}`, id(user), id(post)), committed)
}

// do handles records and finishes them.
func do(t *testing.T, h *invalidate.Handler, records ...consumer.Record) error {
	t.Helper()
	if err := h.Handle(t.Context(), records); err != nil {
		return err
	}
	return h.Finish(t.Context(), records[0].Topic)
}

// Pages in the index go at once, for all records of a batch together and each
// user once; one sweep is for all batches since the last, and for their topic
// alone.
func TestIndexThenSweep(t *testing.T) {
	w, deps := newWorld(t)
	h := invalidate.New(deps)
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{
		like(1, 3, time.Now()), like(1, 3, time.Now()), like(2, 3, time.Now()),
	}))
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{like(4, 3, time.Now())}))
	require.NoError(t, h.Finish(t.Context(), "events"))
	assert.Equal(t, []string{"find 1 2 3", "index 1 2 9", "find 3 4", "index 4 9"}, w.steps)
	w.steps = nil
	require.NoError(t, h.Finish(t.Context(), "cdc.likes"))
	require.NoError(t, h.Finish(t.Context(), "cdc.likes"))
	assert.Equal(t, []string{"sweep 1 2 4 9"}, w.steps)
}

// Whatever is away, the batch is not done; what has failed is done again, with
// what has come meanwhile.
func TestAbsentDependency(t *testing.T) {
	for _, absent := range []string{"find", "index"} {
		w, deps := newWorld(t)
		h := invalidate.New(deps)
		w.fail = absent
		require.ErrorIs(t, do(t, h, like(1, 2, time.Now())), errAway)
		assert.Contains(t, w.steps[len(w.steps)-1], absent, "nothing follows the failure")
		assert.NotContains(t, w.series(t), "invalidator_causes_total kind=like")

		w.fail, w.steps = "", nil
		require.NoError(t, do(t, h, like(1, 2, time.Now())))
		assert.Equal(t, []string{"find 1 2", "index 1 9", "sweep 1 9"}, w.steps)
		assert.Equal(t, int64(1), w.series(t)["invalidator_causes_total kind=like"])
	}
	w, deps := newWorld(t)
	h := invalidate.New(deps)
	w.fail = "sweep"
	require.ErrorIs(t, do(t, h, like(1, 2, time.Now())), errAway)
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{like(3, 2, time.Now())}))
	w.fail, w.steps = "", nil
	require.NoError(t, h.Finish(t.Context(), "cdc.likes"))
	assert.Equal(t, []string{"sweep 1 3 9"}, w.steps)
	assert.Equal(t, int64(2), w.series(t)["cache_invalidation_lag_ms phase=sweep"])
}

// A Finish that is given up, or panics, has finished nothing: its users are swept
// for by the next, with others who came meanwhile, while the sweeper may still be
// at work for the first.
func TestFinishIsGivenUp(t *testing.T) {
	w, deps := newWorld(t)
	h := invalidate.New(deps)
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{like(1, 2, time.Now())}))
	w.takes = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, h.Finish(ctx, "cdc.likes"), context.Canceled)
	given := <-w.swept
	sweeping := make(chan struct{})
	go func() {
		defer close(sweeping)
		assert.Len(t, slices.Collect(maps.Keys(given)), 2)
	}()
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{like(3, 2, time.Now())}))
	<-sweeping

	w.takes, w.fail = 0, "panic"
	require.Panics(t, func() { _ = h.Finish(t.Context(), "cdc.likes") })
	w.fail, w.steps = "", nil
	require.NoError(t, h.Finish(t.Context(), "cdc.likes"))
	assert.Equal(t, []string{"sweep 1 3 9"}, w.steps)
}

// Records that make no page stale ask nobody anything.
func TestNoCause(t *testing.T) {
	w, deps := newWorld(t)
	h := invalidate.New(deps)
	require.NoError(t, h.Handle(t.Context(), nil))
	require.NoError(t, h.Handle(t.Context(), []consumer.Record{
		{Topic: "cdc.likes"}, change("r", `{}`, time.Now()), {Topic: "cdc.likes", Value: []byte("garbage")},
	}))
	assert.Empty(t, w.steps)
	assert.Equal(t, map[string]int64{
		"invalidator_records_ignored_total kind=snapshot":                     1,
		"invalidator_records_ignored_total kind=tombstone":                    1,
		"invalidator_records_undecodable_total reason=syntax topic=cdc.likes": 1,
	}, w.series(t))
}

// Without a sweeper a batch is done when the pages in the index are gone.
func TestWithoutSweeper(t *testing.T) {
	w, deps := newWorld(t)
	deps.Sweeper = nil
	require.NoError(t, do(t, invalidate.New(deps), like(1, 2, time.Now())))
	assert.Equal(t, []string{"find 1 2", "index 1 9"}, w.steps)
	assert.NotContains(t, w.series(t), "cache_invalidation_lag_ms phase=sweep")
}

// The lag counts from the commit of each change to the end of each phase; a
// clock that is ahead of ours makes it zero.
func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, deps := newWorld(t)
		w.takes, w.unknown = 30*time.Millisecond, 2
		now := time.Now()
		require.NoError(t, do(t, invalidate.New(deps),
			like(1, 2, now.Add(-100*time.Millisecond)), like(1, 2, now.Add(time.Hour)), change("d", `{"user_id":""}`, now)))
		assert.Equal(t, map[string]int64{
			"cache_invalidation_lag_ms phase=index":                               2,
			"cache_invalidation_lag_ms_sum phase=index":                           100,
			"cache_invalidation_lag_ms phase=sweep":                               2,
			"cache_invalidation_lag_ms_sum phase=sweep":                           130,
			"cache_pages_invalidated_total phase=index":                           2,
			"invalidator_causes_total kind=like":                                  2,
			"invalidator_records_undecodable_total reason=column topic=cdc.likes": 1,
			"invalidator_unknown_posts_total":                                     2,
		}, w.series(t))
	})
}

// A topic full of nonsense is one line a minute, whatever the records and the
// other topics.
func TestLogIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, deps := newWorld(t)
		h := invalidate.New(deps)
		garbage := func(topic string) []consumer.Record {
			return []consumer.Record{{Topic: topic, Offset: 7, Value: []byte("{")}, {Topic: topic, Offset: 8, Value: []byte("{")}}
		}
		lines := func() int { return strings.Count(w.log.String(), "\n") }
		require.NoError(t, h.Handle(t.Context(), garbage("cdc.likes")))
		require.NoError(t, h.Handle(t.Context(), garbage("cdc.likes")))
		assert.Equal(t, 1, lines())
		assert.Contains(t, w.log.String(), "topic=cdc.likes partition=0 offset=7 reason=syntax")
		require.NoError(t, h.Handle(t.Context(), garbage("events")))
		assert.Equal(t, 2, lines())
		<-time.After(time.Minute)
		require.NoError(t, h.Handle(t.Context(), garbage("cdc.likes")))
		assert.Equal(t, 3, lines())
	})
}
