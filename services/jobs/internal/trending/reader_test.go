package trending_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/services/jobs/internal/cache"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
	"github.com/nova-data/nova/services/jobs/internal/trending"
)

// warehouse answers every query with no posts, or fails; it keeps what was asked.
type warehouse struct {
	mu      sync.Mutex
	queries []clickhouse.Parameters
	fail    error
	isDown  bool
	takes   time.Duration
}

func (w *warehouse) Database() string { return "nova" }

func (w *warehouse) IsUp() bool { return !w.isDown }

func (w *warehouse) Query(
	_ context.Context, _ time.Duration, _ string, parameters clickhouse.Parameters, _ func(*block.Reader) error,
) error {
	w.mu.Lock()
	w.queries = append(w.queries, parameters)
	w.mu.Unlock()
	if w.takes > 0 {
		<-time.After(w.takes)
	}
	return w.fail
}

// memory is Redis as far as lists go. It forgets nothing.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	ttl    map[string]time.Duration
	fail   error
}

func (m *memory) Read(_ context.Context, keys ...string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = m.values[key]
	}
	return values, m.fail
}

func (m *memory) Write(_ context.Context, entries ...cache.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		m.values[e.Key], m.ttl[e.Key] = e.Value, e.TTL
	}
	return m.fail
}

func (m *memory) Add(ctx context.Context, entries ...cache.Entry) error {
	for _, e := range entries {
		m.mu.Lock()
		_, isThere := m.values[e.Key]
		m.mu.Unlock()
		if isThere {
			return m.fail
		}
		if err := m.Write(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// jobs are the tasks of the jobs that run here, and how long their lists are fresh.
type jobs struct {
	tasks    []scheduler.Task
	freshFor time.Duration
}

func (j *jobs) Find(matches func(scheduler.Task) bool) (scheduler.Task, time.Duration, bool) {
	for _, task := range j.tasks {
		if matches(task) {
			return task, j.freshFor, true
		}
	}
	return nil, 0, false
}

type hits struct{ hit, miss atomic.Int32 }

func (h *hits) Hit(context.Context)  { h.hit.Add(1) }
func (h *hits) Miss(context.Context) { h.miss.Add(1) }

type fixture struct {
	*testing.T
	*trending.Reader
	*jobs
	kind  trending.Kind
	store *warehouse
	cache *memory
	hits  *hits
	log   *strings.Builder
}

// newFixture has a job for the windows 1h, of seven posts, and 5h.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		T: t, store: &warehouse{}, cache: &memory{values: map[string][]byte{}, ttl: map[string]time.Duration{}}, hits: &hits{}, log: &strings.Builder{},
	}
	f.kind = trending.Kind{Store: f.store, Cache: f.cache, TTL: 24 * time.Hour, Limit: time.Second}
	f.jobs = &jobs{freshFor: 2 * time.Minute}
	for _, params := range []string{`{"window":"1h","top_k":7}`, `{"window":"5h"}`} {
		task, err := f.kind.Task([]byte(params))
		require.NoError(t, err)
		f.tasks = append(f.tasks, task)
	}
	f.Reader = trending.NewReader(f.kind, f.jobs, f.hits, slog.New(slog.NewTextHandler(f.log, nil)))
	return f
}

func (f *fixture) read(window string) (trending.Answer, error) {
	f.Helper()
	w, err := trending.ParseWindow(window)
	require.NoError(f, err)
	return f.Read(f.Context(), w)
}

func (f *fixture) get(window string) trending.Answer {
	f.Helper()
	answer, err := f.read(window)
	require.NoError(f, err)
	return answer
}

// A list that is not in Redis is computed with the parameters of its job, and
// kept as the job would; the next reader finds it.
func TestMissIsComputed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		assert.False(t, f.get("1h").IsStale)
		<-time.After(10 * time.Second)
		answer := f.get("1h")
		assert.Equal(t, 10*time.Second, answer.Age)
		assert.False(t, answer.IsStale)
		require.Len(t, f.store.queries, 1)
		assert.Equal(t, clickhouse.Parameters{"from": "1999-12-31 23:01:00", "to": "2000-01-01 00:01:00", "top_k": "7"}, f.store.queries[0])
		assert.Equal(t, 24*time.Hour, f.cache.ttl["nova:cache:trending:1h:meta"])
		assert.Equal(t, []int32{1, 1}, []int32{f.hits.hit.Load(), f.hits.miss.Load()})

		f.get("24h")
		assert.Equal(t, time.Minute, f.cache.ttl["nova:cache:trending:24h"], "nobody computes it again")
		f.get("5h")
		_, err := f.read("4h")
		assert.ErrorIs(t, err, trending.ErrUnknown)
	})
}

// A list gets stale when two ticks should have been run, and whenever ClickHouse
// is known to be away.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.get("1h")
		<-time.After(2 * time.Minute)
		assert.False(t, f.get("1h").IsStale)
		f.store.isDown = true
		assert.True(t, f.get("1h").IsStale)
		f.store.isDown = false
		<-time.After(time.Millisecond)
		assert.True(t, f.get("1h").IsStale)
		assert.Len(t, f.store.queries, 1)
	})
}

// A value of somebody else's, or half of one, is no list: it is computed again.
func TestDamagedValuesAreMended(t *testing.T) {
	for name, damage := range map[string]func(values map[string][]byte){
		"no list":     func(values map[string][]byte) { delete(values, "nova:cache:trending:1h") },
		"no meta":     func(values map[string][]byte) { delete(values, "nova:cache:trending:1h:meta") },
		"other list":  func(values map[string][]byte) { values["nova:cache:trending:1h"] = []byte(`{"a":1}`) },
		"other meta":  func(values map[string][]byte) { values["nova:cache:trending:1h:meta"] = []byte(`7`) },
		"empty meta":  func(values map[string][]byte) { values["nova:cache:trending:1h:meta"] = []byte(`{}`) },
		"broken list": func(values map[string][]byte) { values["nova:cache:trending:1h"] = []byte(`[{"post_id":"x"}]`) },
	} {
		f := newFixture(t)
		f.get("1h")
		damage(f.cache.values)
		f.get("1h")
		assert.Len(t, f.store.queries, 2, name)
		f.get("1h")
		assert.Len(t, f.store.queries, 2, name)
	}
}

// Readers that miss the same list at a time cause one query, also when the first
// of them gives up.
func TestEqualMissesAreOneQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.store.takes = time.Second
		given, giveUp := context.WithCancel(t.Context())
		var reading sync.WaitGroup
		w, err := trending.ParseWindow("1h")
		require.NoError(t, err)
		reading.Go(func() { _, _ = f.Read(given, w) })
		synctest.Wait()
		for range 20 {
			reading.Go(func() {
				_, err := f.Read(t.Context(), w)
				assert.NoError(t, err)
			})
		}
		synctest.Wait()
		giveUp()
		reading.Wait()
		assert.Len(t, f.store.queries, 1)
	})
}

// Without Redis ClickHouse is asked, though not for each request; without either
// the last list is given; and without any the reader is told to come back.
func TestDependenciesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.cache.fail = errors.New("Redis is away")
		for range 3 {
			f.get("1h")
		}
		assert.Len(t, f.store.queries, 1)
		<-time.After(6 * time.Second)
		assert.Zero(t, f.get("1h").Age)
		assert.Len(t, f.store.queries, 2)
		assert.Equal(t, 1, strings.Count(f.log.String(), "readers get less"))
		assert.Empty(t, f.cache.values, "Redis is not made to wait for twice")

		f.store.fail, f.store.isDown = errors.New("ClickHouse is away"), true
		<-time.After(time.Hour)
		answer := f.get("1h")
		assert.True(t, answer.IsStale)
		assert.Equal(t, time.Hour, answer.Age)
		for _, window := range []string{"24h", "4h"} {
			_, err := f.read(window)
			assert.ErrorIs(t, err, trending.ErrUnavailable, window)
		}
		f.cache.fail = nil
		_, err := f.read("24h")
		assert.ErrorIs(t, err, trending.ErrUnavailable)
		assert.ErrorContains(t, err, "ClickHouse is away")
	})
}

// What is kept in the process is bounded, and the newest is kept.
func TestKeptListsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.get("1h")
		value, meta := f.cache.values["nova:cache:trending:1h"], f.cache.values["nova:cache:trending:1h:meta"]
		<-time.After(time.Second)
		for n := range 100 {
			key := fmt.Sprintf("nova:cache:trending:%dm", n+1)
			f.cache.values[key], f.cache.values[key+":meta"] = value, meta
			f.get(fmt.Sprintf("%dm", n+1))
		}
		f.get("24h")
		f.cache.fail, f.store.fail = errors.New("away"), errors.New("away")
		f.get("24h")
		kept := 0
		for n := range 100 {
			if _, err := f.read(fmt.Sprintf("%dm", n+1)); err == nil {
				kept++
			}
		}
		assert.LessOrEqual(t, kept, 63)
		assert.Positive(t, kept)
	})
}
