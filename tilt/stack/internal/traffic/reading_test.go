package traffic

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/redistest"
)

// diary is a log that a test reads.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) count(text string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Count(d.text.String(), text)
}

// readers is feeds being read until the end of the test.
type readers struct {
	t      *testing.T
	world  *world
	redis  *redistest.Server
	stored *stored
	ledger *Ledger
	diary  *diary
}

func startReaders(t *testing.T) *readers {
	t.Helper()
	r := &readers{
		t: t, world: peopled(8, 8), redis: redistest.Start(t), stored: newStored(t),
		ledger: NewLedger(time.Now()), diary: &diary{},
	}
	for _, p := range r.world.posts {
		r.stored.post(p.id, p.author, 1, "published", "NULL")
	}
	id := counted()
	for _, user := range r.world.users[1:] {
		r.stored.follow(id(), user, r.world.users[0], "active", 1)
	}
	f, err := openFeeds(Config{Seed: 1, FeedReadsPerSecond: 500}, Deps{
		ClickHouse: r.stored.pool, RedisAddr: r.redis.Addr,
		Ledger: r.ledger, Log: slog.New(slog.NewTextHandler(r.diary, nil)),
	}, r.world)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
		f.close()
	})
	return r
}

// until waits for the counters to say so.
func (r *readers) until(enough func(now Counters) bool) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return enough(r.ledger.Counters()) }, time.Minute, 10*time.Millisecond,
		"%+v", r.ledger.Counters())
}

// A page is computed once and then comes from the cache. One half of the users
// gets pages that are in the index, the other half pages as an older service
// writes them: the same JSON, a bounded life, and nothing beside.
func TestFeedReaders(t *testing.T) {
	r := startReaders(t)
	r.until(func(c Counters) bool { return c.FeedIndexed >= 6 && c.FeedPlain >= 6 && c.FeedHits > 100 })
	counters := r.ledger.Counters()
	assert.Zero(t, counters.FeedFailures)
	assert.Less(t, counters.FeedIndexed+counters.FeedPlain, counters.FeedHits)

	for _, user := range r.world.users {
		at := feedcache.Place{Offset: 0, Limit: pageSize}
		text := r.redis.Do("GET", feedcache.Key(user, at))
		if text == "" {
			continue // drawn rarely
		}
		page, err := feedcache.Decode([]byte(text))
		require.NoError(t, err)
		if user == r.world.users[0] {
			assert.Empty(t, page.PostIDs)
		} else {
			assert.Equal(t, r.world.posts[0].id, page.PostIDs[0])
			assert.Equal(t, int64(1), page.TotalCount)
		}
		isIndexed := r.redis.Do("ZSCORE", "nova:feed:live", user.String()) != ""
		assert.Equal(t, !isOfOlderService(user), isIndexed)
		if !isIndexed {
			assert.Equal(t, "0", r.redis.Do("EXISTS", "nova:feed:pages:"+user.String()))
			life, err := strconv.Atoi(r.redis.Do("TTL", feedcache.Key(user, at)))
			require.NoError(t, err)
			assert.InDelta(t, olderLife/2, life, olderLife/2)
		}
	}
}

// Servers that are away are counted, told of once, and tried until they are back;
// while ClickHouse is away the cached pages are still read.
func TestFeedReadersOverOutages(t *testing.T) {
	r := startReaders(t)
	r.until(func(c Counters) bool { return c.FeedHits > 10 })

	r.redis.Kill()
	r.until(func(c Counters) bool { return c.FeedFailures > 8 })
	assert.Equal(t, 1, r.diary.count("server=Redis"))
	before := r.ledger.Counters()
	r.redis.Restart()
	r.until(func(c Counters) bool { return c.FeedHits > before.FeedHits+10 })
	assert.Equal(t, 2, r.diary.count("server=Redis"))

	r.stored.Kill()
	r.redis.Do("DEL", feedcache.Key(r.world.users[0], feedcache.Place{Limit: pageSize}))
	before = r.ledger.Counters()
	r.until(func(c Counters) bool {
		return c.FeedFailures > before.FeedFailures+8 && c.FeedHits > before.FeedHits+10
	})
	assert.Equal(t, 1, r.diary.count("server=ClickHouse"), "a hit in Redis says nothing about ClickHouse")
	r.stored.Restart()
	r.until(func(c Counters) bool { return c.FeedIndexed+c.FeedPlain > before.FeedIndexed+before.FeedPlain })
	assert.Equal(t, 2, r.diary.count("server=ClickHouse"))
}

// A few users read most of the pages, mostly the first, so that pages are read
// again before they end; the draws follow the seed.
func TestFeedsAreDrawnUnevenly(t *testing.T) {
	draw := func(seed uint64) (looks []look) {
		f := &feeds{random: stream(seed, streamFeeds), world: peopled(200, 0)}
		for range 2000 {
			l, ok := f.next()
			require.True(t, ok)
			looks = append(looks, l)
		}
		return looks
	}
	reads := map[look]int{}
	first := 0
	looks := draw(1)
	for _, l := range looks {
		reads[l]++
		if l.at.Offset == 0 {
			first++
		}
	}
	assert.InDelta(t, 0.85, float64(first)/2000, 0.03)
	assert.Less(t, len(reads), 250, "of 400 pages")
	assert.Greater(t, len(reads), 50)
	assert.Equal(t, looks, draw(1))
	assert.NotEqual(t, looks, draw(2))

	f := &feeds{random: stream(1, streamFeeds), world: &world{}}
	_, ok := f.next()
	assert.False(t, ok, "nobody is there yet")
}
