package cache_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
	"github.com/nova-data/nova/services/jobs/internal/cache"
)

// A closed rueidis client leaves a timer that ends by itself within a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// health keeps what it is told, in order.
type health struct {
	mu   sync.Mutex
	said []string
}

func (h *health) Degraded(part, reason string) { h.say(part + " degraded: " + reason) }
func (h *health) Healthy(part string)          { h.say(part + " healthy") }

func (h *health) say(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, what)
}

func (h *health) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.said)
}

func open(t *testing.T, server *redistest.Server) (*cache.Cache, *health) {
	t.Helper()
	told := &health{}
	c, err := cache.Open(redis.Config{Addr: []string{server.Addr}}, cache.Config{Timeout: time.Second, TTL: time.Hour}, cache.Deps{Health: told})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, told
}

// Of all who claim a tick at a time one gets it, and the others learn who.
func TestOneClaimWins(t *testing.T) {
	server := redistest.Start(t)
	c, _ := open(t, server)
	var won atomic.Int32
	holders := make([]string, 20)
	var claiming sync.WaitGroup
	for n := range holders {
		claiming.Go(func() {
			holder := strconv.Itoa(n)
			current, err := c.Claim(t.Context(), "nova:job:a:1", holder, 90*time.Second)
			assert.NoError(t, err)
			if current == holder {
				won.Add(1)
			}
			holders[n] = current
		})
	}
	claiming.Wait()
	assert.EqualValues(t, 1, won.Load())
	for _, holder := range holders {
		assert.Equal(t, server.Do("GET", "nova:job:a:1"), holder)
	}
	ttl, err := strconv.Atoi(server.Do("TTL", "nova:job:a:1"))
	require.NoError(t, err)
	assert.InDelta(t, 90, ttl, 5)
}

// A claim that is made again by its holder, who may have lost the answer, is
// still its own; and only its holder gives it back.
func TestClaimIsItsHolders(t *testing.T) {
	server := redistest.Start(t)
	c, _ := open(t, server)
	for range 2 {
		current, err := c.Claim(t.Context(), "k", "mine", time.Minute)
		require.NoError(t, err)
		assert.Equal(t, "mine", current)
	}
	require.NoError(t, c.Release(t.Context(), "k", "another"))
	assert.Equal(t, "mine", server.Do("GET", "k"))
	require.NoError(t, c.Release(t.Context(), "k", "mine"))
	assert.Empty(t, server.Do("GET", "k"))
	require.NoError(t, c.Release(t.Context(), "k", "mine"))
}

// A holder that claims again has it from then on, and what it puts in the place of
// its claim stays for everyone, also when the answer was lost; nobody else changes
// either.
func TestClaimIsRenewedAndReplaced(t *testing.T) {
	server := redistest.Start(t)
	c, _ := open(t, server)
	replace := func(holder, value string, ttl time.Duration) string {
		current, err := c.Replace(t.Context(), "k", holder, value, ttl)
		require.NoError(t, err)
		return current
	}
	assert.Equal(t, "mine", replace("mine", "mine", time.Minute))
	assert.Equal(t, "mine", replace("mine", "mine", time.Hour))
	assert.Equal(t, "mine", replace("another", "another", time.Minute))
	assert.Equal(t, "mine", replace("another", "done:another", time.Minute))
	ttl, err := strconv.Atoi(server.Do("TTL", "k"))
	require.NoError(t, err)
	assert.InDelta(t, 3600, ttl, 5)
	for range 2 {
		assert.Equal(t, "done:mine", replace("mine", "done:mine", 2*time.Minute))
	}
	ttl, err = strconv.Atoi(server.Do("TTL", "k"))
	require.NoError(t, err)
	assert.InDelta(t, 120, ttl, 5)
	require.NoError(t, c.Release(t.Context(), "k", "mine"))
	assert.Equal(t, "done:mine", server.Do("GET", "k"))
	server.Do("DEL", "k")
	assert.Equal(t, "done:mine", replace("mine", "done:mine", time.Minute), "a claim that lapsed meanwhile")
}

// What is added takes no place that is taken, and then nothing follows it.
func TestAdd(t *testing.T) {
	server := redistest.Start(t)
	c, _ := open(t, server)
	entries := func(value string) []cache.Entry {
		return []cache.Entry{{Key: "list", Value: []byte(value), TTL: time.Minute}, {Key: "meta", Value: []byte(value), TTL: time.Minute}}
	}
	require.NoError(t, c.Add(t.Context(), entries("1")...))
	server.Do("DEL", "meta")
	require.NoError(t, c.Add(t.Context(), entries("2")...))
	assert.Equal(t, "1", server.Do("GET", "list"))
	ttl, err := strconv.Atoi(server.Do("TTL", "list"))
	require.NoError(t, err)
	assert.InDelta(t, 60, ttl, 5)
	assert.Empty(t, server.Do("GET", "meta"))
}

// What is written is read, byte by byte and until its time is over; what is not
// there is nil, and what is empty is not.
func TestReadAndWrite(t *testing.T) {
	server := redistest.Start(t)
	c, _ := open(t, server)
	require.NoError(t, c.Write(t.Context(),
		cache.Entry{Key: "a", Value: []byte("\x00\xff"), TTL: time.Minute}, cache.Entry{Key: "b", Value: []byte{}, TTL: 1500 * time.Millisecond}))
	values, err := c.Read(t.Context(), "a", "none", "b")
	require.NoError(t, err)
	assert.Equal(t, [][]byte{{0, 0xff}, nil, {}}, values)
	assert.Equal(t, "2", server.Do("TTL", "b"))
}

// Without Redis every call is an error within its time, and works again when
// Redis is back.
func TestAway(t *testing.T) {
	server := redistest.Start(t)
	c, _ := open(t, server)
	server.Kill()
	for range 2 {
		started := time.Now()
		_, err := c.Claim(t.Context(), "k", "mine", time.Minute)
		assert.Error(t, err)
		assert.Error(t, c.Release(t.Context(), "k", "mine"))
		_, err = c.Read(t.Context(), "k")
		assert.Error(t, err)
		assert.Error(t, c.Write(t.Context(), cache.Entry{Key: "k", Value: []byte("v"), TTL: time.Minute}))
		assert.Error(t, c.Add(t.Context(), cache.Entry{Key: "k", Value: []byte("v"), TTL: time.Minute}))
		assert.Less(t, time.Since(started), 10*time.Second)
		server.Restart()
		require.Eventually(t, func() bool { _, err := c.Read(t.Context(), "k"); return err == nil }, 10*time.Second, 20*time.Millisecond)
		server.Kill()
	}
}

// That Redis is away is known after the first call that fails, and that it is back
// after the first that works, each told once; a caller that gives up says nothing.
func TestHealth(t *testing.T) {
	server := redistest.Start(t)
	c, told := open(t, server)
	read := func(ctx context.Context) error {
		_, err := c.Read(ctx, "k")
		return err
	}
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	require.Error(t, read(given))
	require.NoError(t, read(t.Context()))
	require.Error(t, read(given))
	assert.Empty(t, told.all())

	server.Kill()
	require.Error(t, read(given))
	assert.Empty(t, told.all())
	for range 2 {
		require.Error(t, read(t.Context()))
	}
	require.Len(t, told.all(), 1)
	assert.Contains(t, told.all()[0], "redis degraded: ")
	server.Restart()
	require.Eventually(t, func() bool { return read(t.Context()) == nil }, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, read(t.Context()))
	assert.Equal(t, []string{"redis healthy"}, told.all()[1:])
}

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	assert.NoError(t, cache.Config{Timeout: time.Second, TTL: time.Second}.Validate())
	err := cache.Config{TTL: time.Millisecond}.Validate()
	assert.ErrorContains(t, err, "TIMEOUT")
	assert.ErrorContains(t, err, "TTL")
}
