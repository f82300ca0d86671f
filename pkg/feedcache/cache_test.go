package feedcache_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/redistest"
)

// What is written is read, lives for the TTL and a part of the jitter, and every
// read counts as a hit or a miss; a value that is no page is a miss.
func TestWriteAndRead(t *testing.T) {
	f := start(t)
	user := uuid.New()
	_, found, err := f.Read(t.Context(), user, first)
	require.NoError(t, err)
	require.False(t, found)
	f.write(user, first)
	got, found, err := f.Read(t.Context(), user, first)
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, page(), got)

	lifetimes := map[string]bool{}
	for offset := range 20 {
		at := feedcache.Place{Offset: offset, Limit: 20}
		f.write(user, at)
		text := f.server.Do("PTTL", feedcache.Key(user, at))
		ms, err := strconv.Atoi(text)
		require.NoError(t, err)
		assert.Greater(t, time.Duration(ms)*time.Millisecond, feedcache.TTL-time.Second)
		assert.LessOrEqual(t, time.Duration(ms)*time.Millisecond, feedcache.TTL+feedcache.Jitter)
		lifetimes[text] = true
	}
	assert.Greater(t, len(lifetimes), 10, "pages written together end at different times")

	f.server.Do("SET", feedcache.Key(user, first), "no page")
	_, found, err = f.Read(t.Context(), user, first)
	require.NoError(t, err)
	assert.False(t, found)
	assert.InDelta(t, 1.0/3, f.hitRatio(), 1e-9)
}

// A user counts as one with pages as long as any page lives, whichever was
// written last.
func TestLiveOutlivesEveryPage(t *testing.T) {
	f := start(t)
	user := uuid.New()
	for offset := range 30 {
		f.write(user, feedcache.Place{Offset: offset, Limit: 20})
	}
	live, err := strconv.ParseFloat(f.server.Do("ZSCORE", "nova:feed:live", user.String()), 64)
	require.NoError(t, err)
	for offset := range 30 {
		ms, err := strconv.Atoi(f.server.Do("PTTL", feedcache.Key(user, feedcache.Place{Offset: offset, Limit: 20})))
		require.NoError(t, err)
		assert.LessOrEqual(t, time.Now().Add(time.Duration(ms)*time.Millisecond).UnixMicro(), int64(live)+time.Millisecond.Microseconds())
	}
}

func (f *fixture) hitRatio() float64 {
	f.t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(f.t, f.reader.Collect(f.t.Context(), &all))
	for _, one := range all.ScopeMetrics[0].Metrics {
		if gauge, ok := one.Data.(metricdata.Gauge[float64]); ok && one.Name == "cache_hit_ratio" {
			return gauge.DataPoints[0].Value
		}
	}
	return -1
}

// Invalidate removes all pages of the users named and of nobody else, leaves no
// trace of them, and is harmless to repeat.
func TestInvalidate(t *testing.T) {
	f := start(t)
	gone, kept, nobody := uuid.New(), uuid.New(), uuid.New()
	second := feedcache.Place{Offset: 20, Limit: 20}
	f.write(gone, first)
	f.write(gone, second)
	f.write(kept, first)
	assert.Equal(t, 2, f.invalidate(gone, nobody))
	assert.False(t, f.has(gone, first) || f.has(gone, second))
	assert.True(t, f.has(kept, first))
	assert.Zero(t, f.invalidate(gone, nobody))
	assert.Equal(t, "0", f.server.Do("EXISTS", "nova:feed:pages:"+gone.String()))
	assert.Empty(t, f.server.Do("ZSCORE", "nova:feed:live", gone.String()))
	assert.NotEmpty(t, f.server.Do("ZSCORE", "nova:feed:live", kept.String()))
}

// More users than go in one pipeline are all served.
func TestInvalidateMany(t *testing.T) {
	f := start(t)
	users := make([]uuid.UUID, 2500)
	for i := range users {
		users[i] = uuid.New()
		if i%100 == 0 {
			f.write(users[i], first)
		}
	}
	assert.Equal(t, 25, f.invalidate(users...))
	assert.Equal(t, "0", f.server.Do("ZCARD", "nova:feed:live"))
}

// A page that is written while its user is invalidated, by whatever
// interleaving, is found by the next Invalidate: none is ever without an index.
func TestNoPageIsLostFromTheIndex(t *testing.T) {
	f := start(t)
	user := uuid.New()
	places := []feedcache.Place{first, {Offset: 20, Limit: 20}, {Offset: 40, Limit: 20}}
	var writers sync.WaitGroup
	var done atomic.Bool
	for _, at := range places {
		cache := open(t, f.server, sdkmetric.NewManualReader()) // connections of its own
		writers.Go(func() {
			for range 300 {
				assert.NoError(t, cache.Write(t.Context(), user, at, page()))
			}
		})
	}
	var invalidating sync.WaitGroup
	for range 2 {
		invalidating.Go(func() {
			for !done.Load() {
				_, err := f.Invalidate(t.Context(), []uuid.UUID{user})
				assert.NoError(t, err)
			}
		})
	}
	writers.Wait()
	done.Store(true)
	invalidating.Wait()
	f.invalidate(user)
	for _, at := range places {
		assert.False(t, f.has(user, at), at)
	}
	assert.Equal(t, "0", f.server.Do("ZCARD", "nova:feed:live"))
}

// A sweep removes the pages of pending users that others wrote without the index,
// whatever their place looks like, among many other keys, and leaves the rest.
func TestSweep(t *testing.T) {
	f := start(t)
	pending, other := uuid.New(), uuid.New()
	for i := range 3000 {
		f.server.Do("SET", "event_idempotency:"+strconv.Itoa(i), "x")
	}
	key := feedcache.Key(pending, first)
	f.server.Do("SET", key, "{}")
	f.server.Do("SET", key+":odd", "{}")
	f.server.Do("SET", feedcache.Key(other, first), "{}")
	f.server.Do("SET", "feed:v1:no-user:0:20", "{}")
	assert.Equal(t, 2, f.sweep(pending))
	assert.False(t, f.has(pending, first))
	assert.True(t, f.has(other, first))
	assert.Equal(t, "1", f.server.Do("EXISTS", "feed:v1:no-user:0:20"))
	assert.Zero(t, f.sweep(pending))
}

// While Redis is away every call says so within its time; when it is back the
// same cache works.
func TestRedisAway(t *testing.T) {
	f := start(t)
	user := uuid.New()
	f.write(user, first)
	f.server.Kill()
	started := time.Now()
	_, _, err := f.Read(t.Context(), user, first)
	require.ErrorContains(t, err, "reading a feed page")
	require.ErrorContains(t, f.Write(t.Context(), user, first, page()), "writing a feed page")
	_, err = f.Invalidate(t.Context(), []uuid.UUID{user})
	require.ErrorContains(t, err, "removing feed pages")
	_, err = f.Sweep(t.Context(), func(uuid.UUID) bool { return true })
	require.ErrorContains(t, err, "sweeping Redis")
	assert.Less(t, time.Since(started), 10*time.Second)
	f.server.Restart()
	require.Eventually(t, func() bool {
		pages, err := f.Invalidate(t.Context(), []uuid.UUID{user})
		return err == nil && pages == 1
	}, 10*time.Second, 20*time.Millisecond)
}

// Redis may be one that evicts, since a page can be computed again.
func TestEvictingRedisWillDo(t *testing.T) {
	server := redistest.Start(t, redistest.WithArguments("--maxmemory-policy", "allkeys-lru"))
	cache := open(t, server, sdkmetric.NewManualReader())
	require.NoError(t, cache.Write(t.Context(), uuid.New(), first, page()))
}

// A place that no feed has is refused by name.
func TestWriteRefusesAPlace(t *testing.T) {
	f := start(t)
	require.ErrorContains(t, f.Write(t.Context(), uuid.New(), feedcache.Place{Offset: -1, Limit: 0}, page()), "offset -1 and limit 0")
}
