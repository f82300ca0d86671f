package trending_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const post = "33333333-0000-4000-8000-000000000001"

// put has the cache hold a list of one post and a meta, each as computed at a time
// of its own.
func (f *fixture) put(window string, list, meta time.Time) {
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	key := "nova:cache:trending:" + window
	f.cache.values[key] = fmt.Appendf(nil, `[{"post_id":"%s","score":6,"cached_at":%d}]`, post, list.Unix())
	f.cache.values[key+":meta"] = fmt.Appendf(nil, `{"cached_at":%d,"fresh_until":%d,"from":%d,"to":%d}`,
		meta.UnixMilli(), meta.Add(2*time.Minute).UnixMilli(), meta.Add(-time.Hour).Unix(), meta.Unix())
}

// putHalf has the cache hold a list without its meta.
func (f *fixture) putHalf(window string) {
	f.put(window, time.Now(), time.Now())
	f.cache.mu.Lock()
	defer f.cache.mu.Unlock()
	delete(f.cache.values, "nova:cache:trending:"+window+":meta")
}

// A list with another's meta is computed again, whichever is older; one of the
// same run, to the second, is taken.
func TestMixedHalvesAreComputed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Hour)
		now := time.Now()
		for name, meta := range map[string]time.Time{"older": now.Add(-time.Second), "newer": now.Add(time.Second)} {
			f := newFixture(t)
			f.put("1h", now, meta)
			assert.Empty(t, f.get("1h").Posts, name)
			assert.Len(t, f.store.queries, 1, name)
			f.get("1h")
			assert.Len(t, f.store.queries, 1, name)
			assert.EqualValues(t, 1, f.hits.hit.Load(), name)
		}
		f := newFixture(t)
		f.put("1h", now, now.Add(123*time.Millisecond))
		assert.Len(t, f.get("1h").Posts, 1)
		assert.Empty(t, f.store.queries)
	})
}

// While ClickHouse is away a list with another's meta is given as stale, as old as
// the older of the two and with the bounds of its posts; also by a replica that
// could not compute it. One that was read before is given when it is newer.
func TestMixedHalvesAreBetterThanNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(24 * time.Hour)
		now := time.Now()
		for name, halves := range map[string][2]time.Time{
			"list is older": {now.Add(-10 * time.Minute), now.Add(-time.Second)},
			"meta is older": {now.Add(-time.Second), now.Add(-10 * time.Minute)},
		} {
			f := newFixture(t)
			f.store.fail = errors.New("ClickHouse is away")
			for _, window := range []string{"1h", "4h"} {
				f.put(window, halves[0], halves[1])
				answer := f.get(window)
				require.Len(t, answer.Posts, 1, name)
				assert.True(t, answer.IsStale, name)
				assert.Equal(t, 10*time.Minute, answer.Age, name)
				assert.Equal(t, halves[0].UTC().Truncate(time.Minute).Add(time.Minute), answer.To, name)
			}
		}
		f := newFixture(t)
		f.get("1h")
		f.store.fail = errors.New("ClickHouse is away")
		f.put("1h", now.Add(-time.Minute), now.Add(-2*time.Minute))
		assert.Empty(t, f.get("1h").Posts, "the newer one")
	})
}

// A reader whose replica does not run the job never takes the place of what the
// job has written meanwhile, whole or in part.
func TestReadersDoNotReplaceJobsLists(t *testing.T) {
	for name, write := range map[string]func(f *fixture){
		"whole":    func(f *fixture) { f.put("24h", time.Now(), time.Now()) },
		"the list": func(f *fixture) { f.putHalf("24h") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.store.takes = time.Second
				var reading sync.WaitGroup
				reading.Go(func() {
					answer, err := f.read("24h")
					assert.NoError(t, err)
					assert.Empty(t, answer.Posts, "as it was computed")
				})
				synctest.Wait()
				write(f)
				reading.Wait()
				assert.Contains(t, string(f.cache.values["nova:cache:trending:24h"]), post)
				assert.Empty(t, f.cache.ttl, "the reader has written nothing")
			})
		})
	}
}

// Half of a list that only a job elsewhere can mend costs ClickHouse a query now
// and then, not one for each reader.
func TestHalvesOfOthersDoNotCostAQueryEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.putHalf("24h")
		for range 10 {
			f.get("24h")
			<-time.After(time.Second)
		}
		assert.Len(t, f.store.queries, 2)
	})
}

// A job's list stays for as long as it is fresh, however long that is.
func TestListsOutliveTheirSchedule(t *testing.T) {
	f := newFixture(t)
	task, err := f.kind.Task([]byte(`{"window":"1h"}`))
	require.NoError(t, err)
	for freshFor, want := range map[time.Duration]time.Duration{time.Minute: 24 * time.Hour, 62 * 24 * time.Hour: 62 * 24 * time.Hour} {
		_, err = task.Run(t.Context(), freshFor)
		require.NoError(t, err)
		assert.Equal(t, want, f.cache.ttl["nova:cache:trending:1h"])
		assert.Equal(t, want, f.cache.ttl["nova:cache:trending:1h:meta"])
	}
	f.freshFor = 48 * time.Hour
	clear(f.cache.values)
	f.get("1h")
	assert.Equal(t, 48*time.Hour, f.cache.ttl["nova:cache:trending:1h"])
}
