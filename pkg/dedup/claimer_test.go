package dedup_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
)

// A claim is one key with the record's coordinates and the payload's hash, and
// ends with its TTL: what operators and other writers may rely on.
func TestClaimInRedis(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr)
	assert.Equal(t, []bool{true}, f.claim(t, record(1, 42)))
	assert.Equal(t, "events/0/42/abc", server.Do("GET", "event_idempotency:00000000-0000-0000-0000-000000000001:1764000000000"))
	ttl, err := strconv.Atoi(server.Do("TTL", key(1)))
	require.NoError(t, err)
	assert.InDelta(t, 3600, ttl, 10)
}

// A replay keeps what it had claimed before the crash: with a plain SET NX it
// would lose the event, because its own claim would look like a duplicate's.
func TestReplayKeepsItsOwn(t *testing.T) {
	server := redistest.Start(t)
	assert.Equal(t, []bool{true, true}, open(t, server.Addr).claim(t, record(1, 10), record(2, 11)))
	restarted := open(t, server.Addr)
	assert.Equal(t, []bool{true, true}, restarted.claim(t, record(1, 10), record(2, 11)))
	assert.Zero(t, restarted.count(t, "event_deduplication_hits"))
}

// Another record of the same event is dropped, whichever part of its coordinates
// differs; another time is another event.
func TestDuplicatesAreDropped(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr)
	f.claim(t, record(1, 10))
	others := []dedup.Claim{record(1, 1), record(1, 10), record(1, 10), record(1, 10)}
	others[1].Partition = 1
	others[2].Topic = "event"
	others[3].TimeMS++
	for i, other := range others {
		assert.Equal(t, []bool{i == 3}, f.claim(t, other), i)
	}
	assert.EqualValues(t, 3, f.count(t, "event_deduplication_hits"))
	assert.Zero(t, f.count(t, "event_deduplication_conflicts_total"))
}

// Of the copies in one batch exactly one is kept.
func TestDuplicatesWithinABatch(t *testing.T) {
	f := open(t, redistest.Start(t).Addr)
	batch := []dedup.Claim{record(1, 10), record(2, 11), record(1, 12), record(1, 13)}
	assert.Equal(t, []bool{true, true, false, false}, f.claim(t, batch...))
	assert.Equal(t, []bool{true, true, false, false}, f.claim(t, batch...), "again")
	assert.EqualValues(t, 4, f.count(t, "event_deduplication_hits"))
}

// An earlier generation had claimed the event for the second copy of what is now
// one batch, and did not insert it: that copy is the one kept. "First in the
// batch wins" would drop both, and lose the event.
func TestEarlierGenerationHadClaimedTheSecondCopy(t *testing.T) {
	server := redistest.Start(t)
	first, second := record(1, 10), record(1, 12)
	second.Partition = 3
	assert.Equal(t, []bool{true}, open(t, server.Addr).claim(t, second))
	assert.Equal(t, []bool{false, true, false}, open(t, server.Addr).claim(t, first, second, record(1, 14)))
}

// However batches are cut and repeated, each event has one record kept, and
// always the same.
func TestOneHolderForEver(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr)
	records := []dedup.Claim{record(1, 1), record(2, 2), record(1, 3), record(3, 4), record(2, 5), record(1, 6)}
	holder := map[byte]int64{}
	for _, batch := range [][2]int{{4, 6}, {0, 3}, {2, 5}, {0, 6}, {3, 4}, {1, 6}} {
		claims := records[batch[0]:batch[1]]
		for i, kept := range f.claim(t, claims...) {
			event := claims[i].EventID[15]
			if !kept {
				continue
			}
			if before, ok := holder[event]; ok {
				assert.Equal(t, before, claims[i].Offset)
			}
			holder[event] = claims[i].Offset
		}
	}
	assert.Len(t, holder, 3)
}

// A batch larger than the pipelines that are on their way at once is claimed whole.
func TestLargeBatch(t *testing.T) {
	f := open(t, redistest.Start(t).Addr)
	claims := make([]dedup.Claim, 9500)
	for i := range claims {
		claims[i] = record(1, int64(i))
		claims[i].TimeMS += int64(i % 9000)
	}
	kept := 0
	for _, k := range f.claim(t, claims...) {
		if k {
			kept++
		}
	}
	assert.Equal(t, 9000, kept)
	assert.Empty(t, f.claim(t))
}

// Copies that say different things are counted, and the first is kept.
func TestConflict(t *testing.T) {
	f := open(t, redistest.Start(t).Addr)
	f.claim(t, record(1, 10))
	other := record(1, 11)
	other.PayloadHash++
	assert.Equal(t, []bool{false, false}, f.claim(t, other, record(1, 12)))
	assert.EqualValues(t, 1, f.count(t, "event_deduplication_conflicts_total"))
	assert.Contains(t, f.log.text(), key(1))
	assert.Contains(t, f.log.text(), "conflicts=1")
}

// A value that is not ours holds the event too: it is never overwritten.
func TestForeignValueIsAHolder(t *testing.T) {
	server := redistest.Start(t)
	server.Do("SET", key(1), "1")
	assert.Equal(t, []bool{false}, open(t, server.Addr).claim(t, record(1, 10)))
}

// After Redis has crashed and come back with its data, the same Claimer goes on,
// and nothing that was claimed changes hands.
func TestRedisRestart(t *testing.T) {
	server := redistest.Start(t)
	f := open(t, server.Addr, func(_ *redis.Config, cfg *dedup.Config) { cfg.Timeout = 300 * time.Millisecond })
	f.claim(t, record(1, 10))
	server.Kill()
	started := time.Now()
	_, err := f.Claim(t.Context(), []dedup.Claim{record(1, 11), record(2, 12)})
	require.ErrorContains(t, err, "claiming 2 events in Redis")
	assert.Less(t, time.Since(started), 5*time.Second, "the deadline holds")
	server.Restart()
	eventually(t, func() bool {
		_, err = f.Claim(t.Context(), []dedup.Claim{record(3, 13)})
		return err == nil
	})
	assert.Equal(t, []bool{false, true, true}, f.claim(t, record(1, 11), record(2, 12), record(3, 13)))
}

// A service starts while Redis is down, and works when Redis is up.
func TestRedisDownAtStart(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	f := open(t, server.Addr)
	_, err := f.Claim(t.Context(), []dedup.Claim{record(1, 10)})
	require.ErrorContains(t, err, "connecting to Redis")
	server.Restart()
	assert.Equal(t, []bool{true}, f.claim(t, record(1, 10)))
}

// A call ends with its context.
func TestContextEndsAClaim(t *testing.T) {
	f := open(t, redistest.Start(t).Addr)
	f.claim(t, record(1, 10))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Claim(ctx, []dedup.Claim{record(2, 11)})
	require.ErrorIs(t, err, context.Canceled)
}

// A Redis that may evict claims is refused, unless that is said to be wanted.
func TestEvictingRedisIsRefused(t *testing.T) {
	server := redistest.Start(t, redistest.WithArguments("--maxmemory-policy", "allkeys-lru"))
	_, err := open(t, server.Addr).Claim(t.Context(), []dedup.Claim{record(1, 10)})
	require.ErrorContains(t, err, "maxmemory-policy is allkeys-lru, which evicts claims")
	allowed := open(t, server.Addr, func(_ *redis.Config, cfg *dedup.Config) { cfg.AllowEviction = true })
	assert.Equal(t, []bool{true}, allowed.claim(t, record(1, 10)))
}

// DEDUP_REDIS_ADDR and its login take the place of REDIS_ADDR and its.
func TestDedupHasItsOwnRedis(t *testing.T) {
	server := redistest.Start(t)
	server.Do("CONFIG", "SET", "requirepass", "secret")
	own := func(password string) *fixture {
		return open(t, "127.0.0.1:1", func(shared *redis.Config, cfg *dedup.Config) {
			shared.Password = "shared"
			cfg.Redis = redis.Override{Addr: []string{server.Addr}, Password: "secret"}
			if password != "" {
				cfg.Redis.Password = ""
				shared.Password = "secret"
			}
		})
	}
	assert.Equal(t, []bool{true}, own("").claim(t, record(1, 10)))
	assert.Equal(t, []bool{true}, own("shared").claim(t, record(1, 10)))
	_, err := open(t, server.Addr, func(shared *redis.Config, _ *dedup.Config) { shared.Password = "wrong" }).
		Claim(t.Context(), []dedup.Claim{record(1, 10)})
	require.ErrorContains(t, err, "WRONGPASS")
	assert.NotContains(t, err.Error(), "secret")
}

// Without coordinates in the claim a replay takes its own claim for a duplicate's:
// what a fault test switches off, to see the event get lost.
func TestClaimWithoutCoordinates(t *testing.T) {
	server := redistest.Start(t)
	faults := failpoint.Config{Enabled: true, Without: []string{string(failpoint.ClaimCoordinates)}}
	f := openUnderTest(t, server.Addr, faults)
	assert.Equal(t, []bool{true, false}, f.claim(t, record(1, 10), record(1, 11)))
	assert.Equal(t, []bool{false}, openUnderTest(t, server.Addr, faults).claim(t, record(1, 10)))
}

// A crash can be placed between the claims of a batch and what follows, and only
// there.
func TestClaimIsAFailpoint(t *testing.T) {
	server := redistest.Start(t)
	f := openUnderTest(t, server.Addr, failpoint.Config{Enabled: true}, quick(dedup.Pause))
	f.claim(t)
	assert.Zero(t, f.points.Passes(failpoint.AfterClaim))
	f.claim(t, record(1, 10))
	assert.EqualValues(t, 1, f.points.Passes(failpoint.AfterClaim))
	server.Kill()
	_, err := f.Claim(t.Context(), []dedup.Claim{record(2, 11)})
	require.Error(t, err)
	assert.EqualValues(t, 1, f.points.Passes(failpoint.AfterClaim))
}

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	cfg := dedup.Config{TTL: 1500 * time.Millisecond}
	assert.Len(t, strings.Split(cfg.Validate().Error(), "\n"), 2)
	assert.NoError(t, dedup.Config{TTL: time.Second, Timeout: 1}.Validate())
}

// What becomes of events while Redis fails is one of two, and nothing else.
func TestOnFailure(t *testing.T) {
	var choice dedup.OnFailure
	for _, text := range []string{"pause", "bypass"} {
		require.NoError(t, choice.UnmarshalText([]byte(text)))
		assert.Equal(t, text, string(choice))
	}
	require.EqualError(t, choice.UnmarshalText([]byte("drop")), "want pause or bypass")
}
