package feedcache_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
)

// A closed rueidis client leaves a timer that ends by itself within a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// fixture is a cache in a Redis of its own.
type fixture struct {
	*feedcache.Cache
	t      *testing.T
	server *redistest.Server
	reader *sdkmetric.ManualReader
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, server: redistest.Start(t), reader: sdkmetric.NewManualReader()}
	f.Cache = open(t, f.server, f.reader)
	return f
}

func open(t *testing.T, server *redistest.Server, reader sdkmetric.Reader) *feedcache.Cache {
	t.Helper()
	cache, err := feedcache.Open(redis.Config{Addr: []string{server.Addr}}, feedcache.Config{Timeout: time.Second}, feedcache.Deps{
		Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"),
	})
	require.NoError(t, err)
	t.Cleanup(cache.Close)
	return cache
}

// first is the first page of a feed.
var first = feedcache.Place{Offset: 0, Limit: 20}

func (f *fixture) write(user uuid.UUID, at feedcache.Place) {
	f.t.Helper()
	require.NoError(f.t, f.Write(f.t.Context(), user, at, page()))
}

func (f *fixture) invalidate(users ...uuid.UUID) (pages int) {
	f.t.Helper()
	pages, err := f.Invalidate(f.t.Context(), users)
	require.NoError(f.t, err)
	return pages
}

// sweep sweeps the pages of users.
func (f *fixture) sweep(users ...uuid.UUID) (pages int) {
	f.t.Helper()
	pending := map[uuid.UUID]bool{}
	for _, user := range users {
		pending[user] = true
	}
	pages, err := f.Sweep(f.t.Context(), func(user uuid.UUID) bool { return pending[user] })
	require.NoError(f.t, err)
	return pages
}

// has tells whether there is a page.
func (f *fixture) has(user uuid.UUID, at feedcache.Place) bool {
	f.t.Helper()
	return f.server.Do("EXISTS", feedcache.Key(user, at)) == "1"
}

// page is any page.
func page() feedcache.Page {
	return feedcache.Page{
		PostIDs:    []uuid.UUID{uuid.MustParse("33333333-0000-4000-8000-000000000001"), uuid.MustParse("33333333-0000-4000-8000-000000000002")},
		TotalCount: 41, CachedAt: time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC),
	}
}
