package feedcache_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
)

func openBench(b *testing.B) (*feedcache.Cache, *redistest.Server) {
	b.Helper()
	server := redistest.Start(b, redistest.WithArguments("--appendonly", "no"))
	cache, err := feedcache.Open(redis.Config{Addr: []string{server.Addr}}, feedcache.Config{Timeout: time.Minute}, feedcache.Deps{Meter: noop.Meter{}})
	require.NoError(b, err)
	b.Cleanup(cache.Close)
	return cache, server
}

// BenchmarkInvalidate is the cost of a user in batches of 10 000: one without
// pages, and one with a page.
func BenchmarkInvalidate(b *testing.B) {
	for name, isLive := range map[string]bool{"not live": false, "live": true} {
		b.Run(name, func(b *testing.B) {
			cache, _ := openBench(b)
			users := make([]uuid.UUID, 10_000)
			for i := range users {
				users[i] = uuid.New()
			}
			b.ReportAllocs()
			for done := 0; done < b.N; done += len(users) {
				some := users[:min(len(users), b.N-done)]
				if isLive {
					b.StopTimer()
					for _, user := range some {
						require.NoError(b, cache.Write(b.Context(), user, first, page()))
					}
					b.StartTimer()
				}
				_, err := cache.Invalidate(b.Context(), some)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkSweep is the cost of 100 000 keys that are no pages.
func BenchmarkSweep(b *testing.B) {
	cache, server := openBench(b)
	server.Do("EVAL", "for i = 1, 100000 do redis.call('SET', 'event_idempotency:' .. i, 'x') end", "0")
	b.ReportAllocs()
	for b.Loop() {
		_, err := cache.Sweep(b.Context(), func(uuid.UUID) bool { return false })
		require.NoError(b, err)
	}
}
