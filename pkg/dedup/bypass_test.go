package dedup_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
)

func quick(onFailure dedup.OnFailure) func(*redis.Config, *dedup.Config) {
	return func(_ *redis.Config, cfg *dedup.Config) {
		cfg.Timeout = 200 * time.Millisecond
		cfg.OnFailure = onFailure
	}
}

// While Redis fails nothing is decided: claims are refused at once after the
// breaker has opened, and go on when Redis is back.
func TestPause(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr, quick(dedup.Pause))
	f.claim(t, record(1, 10))
	server.Kill()
	var err error
	eventually(t, func() bool {
		_, err = f.Claim(t.Context(), []dedup.Claim{record(1, 10)})
		require.Error(t, err)
		return f.health.of("redis") != ""
	})
	started := time.Now()
	_, err = f.Claim(t.Context(), []dedup.Claim{record(1, 10)})
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.ErrorContains(t, err, "claiming 1 events in Redis: redis: breaker is open: ")
	assert.Less(t, time.Since(started), 100*time.Millisecond)
	server.Restart()
	eventually(t, func() bool {
		_, err = f.Claim(t.Context(), []dedup.Claim{record(1, 10)})
		return err == nil
	})
	assert.Empty(t, f.health.parts)
	assert.Equal(t, []bool{false, true}, f.claim(t, record(1, 11), record(2, 12)))
	assert.Zero(t, f.count(t, "event_deduplication_bypassed_total"))
}

// With bypass, events go on once the breaker has opened, one copy of each within a
// batch, counted and said; as soon as Redis is back it decides again.
func TestBypass(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr, quick(dedup.Bypass))
	f.claim(t, record(1, 10))
	server.Kill()
	batch := []dedup.Claim{record(1, 11), record(2, 12), record(1, 13)}
	failures := 0
	eventually(t, func() bool {
		kept, err := f.Claim(t.Context(), batch)
		if err != nil {
			failures++
			return false
		}
		return assert.Equal(t, []bool{true, true, false}, kept)
	})
	assert.Equal(t, 2, failures, "only an open breaker is bypassed")
	assert.EqualValues(t, 2, f.count(t, "event_deduplication_bypassed_total"))
	assert.Contains(t, f.health.of("deduplication"), "bypassed, copies of an event may be stored: redis: breaker is open")
	assert.Contains(t, f.log.text(), "deduplication is bypassed")

	until := time.Now().Add(500 * time.Millisecond) // trials fail meanwhile
	for time.Now().Before(until) {
		assert.Equal(t, []bool{true, true, false}, f.claim(t, batch...))
	}
	server.Restart()
	eventually(t, func() bool { return !f.claim(t, record(1, 11))[0] })
	assert.Empty(t, f.health.of("deduplication"))
	assert.Contains(t, f.log.text(), "deduplication works again")
	bypassed := f.count(t, "event_deduplication_bypassed_total")
	assert.Equal(t, []bool{false, true}, f.claim(t, record(1, 11), record(2, 12)))
	assert.Equal(t, bypassed, f.count(t, "event_deduplication_bypassed_total"))
}

// A Redis that accepts and says nothing holds a batch up now and then, for the
// time of a sign of life, not for the timeout of claims.
func TestBypassDoesNotWaitForASilentRedis(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr, quick(dedup.Bypass), func(_ *redis.Config, cfg *dedup.Config) { cfg.Timeout = time.Second })
	f.claim(t, record(1, 10))
	require.Equal(t, "OK", server.Do("CLIENT", "PAUSE", "3500", "ALL"))
	eventually(t, func() bool {
		_, err := f.Claim(t.Context(), []dedup.Claim{record(1, 11)})
		return err == nil
	})
	for until := time.Now().Add(time.Second); time.Now().Before(until); {
		started := time.Now()
		assert.Equal(t, []bool{true}, f.claim(t, record(1, 11)))
		require.Less(t, time.Since(started), 700*time.Millisecond)
	}
	eventually(t, func() bool { return !f.claim(t, record(1, 11))[0] })
}

// A caller that gives up is not answered by a bypass.
func TestBypassEndsWithItsContext(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr, quick(dedup.Bypass))
	server.Kill()
	eventually(t, func() bool {
		_, err := f.Claim(t.Context(), []dedup.Claim{record(1, 10)})
		return err == nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Claim(ctx, []dedup.Claim{record(1, 10)})
	require.Error(t, err)
}
