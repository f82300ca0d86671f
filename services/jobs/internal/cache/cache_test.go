package cache_test

import (
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

func open(t *testing.T, server *redistest.Server) *cache.Cache {
	t.Helper()
	c, err := cache.Open(redis.Config{Addr: []string{server.Addr}}, cache.Config{Timeout: 2 * time.Second, TTL: time.Hour})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// Of all who claim a tick at a time one gets it, and the others learn who.
func TestOneClaimWins(t *testing.T) {
	server := redistest.Start(t)
	c := open(t, server)
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
	c := open(t, server)
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

// What is written is read, byte by byte and until its time is over; what is not
// there is nil, and what is empty is not.
func TestReadAndWrite(t *testing.T) {
	server := redistest.Start(t)
	c := open(t, server)
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
	c := open(t, server)
	server.Kill()
	for range 2 {
		started := time.Now()
		_, err := c.Claim(t.Context(), "k", "mine", time.Minute)
		assert.Error(t, err)
		assert.Error(t, c.Release(t.Context(), "k", "mine"))
		_, err = c.Read(t.Context(), "k")
		assert.Error(t, err)
		assert.Error(t, c.Write(t.Context(), cache.Entry{Key: "k", Value: []byte("v"), TTL: time.Minute}))
		assert.Less(t, time.Since(started), 10*time.Second)
		server.Restart()
		require.Eventually(t, func() bool { _, err := c.Read(t.Context(), "k"); return err == nil }, 10*time.Second, 20*time.Millisecond)
		server.Kill()
	}
}

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	assert.NoError(t, cache.Config{Timeout: time.Second, TTL: time.Second}.Validate())
	err := cache.Config{TTL: time.Millisecond}.Validate()
	assert.ErrorContains(t, err, "TIMEOUT")
	assert.ErrorContains(t, err, "TTL")
}
