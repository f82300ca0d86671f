package trending_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/jobs/internal/cache"
	"github.com/nova-data/nova/services/jobs/internal/store"
	"github.com/nova-data/nova/services/jobs/internal/trending"
)

// A closed rueidis client leaves a timer that ends by itself within a second.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// engine is ClickHouse with the schema, and Redis.
type engine struct {
	*testing.T
	clickhouse *chtest.Server
	redis      *redistest.Server
	kind       trending.Kind
}

func startEngine(t *testing.T) engine {
	t.Helper()
	e := engine{T: t, clickhouse: chtest.Start(t), redis: redistest.Start(t)}
	log := slog.New(slog.DiscardHandler)
	pool := servicetest.Migrate(t, e.clickhouse.Addr)
	watch, err := telemetry.New(telemetry.Config{}, telemetry.Deps{Output: t.Output()})
	require.NoError(t, err)
	warehouse, err := store.New(
		store.Config{
			Breaker:        breaker.Config{Failures: 3, Successes: 1, Delay: time.Second},
			MaxMemoryBytes: 1 << 30, SchemaVersion: 3,
		},
		store.Deps{Pool: pool, Log: log, Meter: noop.Meter{}, Health: watch.Health})
	require.NoError(t, err)
	results, err := cache.Open(redis.Config{Addr: []string{e.redis.Addr}}, cache.Config{Timeout: 5 * time.Second, TTL: time.Hour},
		cache.Deps{Health: watch.Health})
	require.NoError(t, err)
	t.Cleanup(results.Close)
	e.kind = trending.Kind{Store: warehouse, Cache: results, TTL: time.Hour, Limit: 10 * time.Second}
	return e
}

// listed is a post as Redis holds it.
type listed struct {
	PostID   string `json:"post_id"`
	Score    float64
	CachedAt int64 `json:"cached_at"`
}

// times is what Redis holds beside a list.
type times struct {
	CachedAt   int64 `json:"cached_at"`
	FreshUntil int64 `json:"fresh_until"`
	From, To   int64
}

// run runs a job and returns what Redis has then.
func (e engine) run(params string) (posts []listed, about times) {
	e.Helper()
	task, err := e.kind.Task([]byte(params))
	require.NoError(e, err)
	rows, err := task.Run(e.Context(), time.Minute)
	require.NoError(e, err)
	window := trending.Window{}
	require.NoError(e, json.Unmarshal([]byte(params), &struct{ Window *string }{&window.Text}))
	require.NoError(e, json.Unmarshal([]byte(e.redis.Do("GET", trending.Key(window))), &posts))
	require.NoError(e, json.Unmarshal([]byte(e.redis.Do("GET", trending.MetaKey(window))), &about))
	assert.Len(e, posts, rows)
	return posts, about
}

// weight is an event's part in a score.
const weight = `multiIf(event_type = 'post_view', 0.1, event_type = 'post_like', 2, event_type = 'post_comment', 3, event_type = 'post_share', 5, 0)`

// raw computes scores by post from the events themselves.
func (e engine) raw(weighted string, about times) map[string]float64 {
	e.Helper()
	text := e.clickhouse.Query(fmt.Sprintf(`SELECT toJSONString(CAST((groupArray(toString(post_id)), groupArray(s)), 'Map(String, Float64)')) FROM
		(SELECT post_id, sum(%s) AS s FROM post_events FINAL
		 WHERE event_time >= toDateTime(%d) AND event_time < toDateTime(%d) GROUP BY post_id HAVING s > 0)`, weighted, about.From, about.To))
	scores := map[string]float64{}
	require.NoError(e, json.Unmarshal([]byte(text), &scores))
	return scores
}

// A list is exact: the scores are those of the events within its bounds, by
// minutes or by hours, best first, the running minute or hour included; with
// decay each event counts by its age.
func TestListsAreExact(t *testing.T) {
	e := startEngine(t)
	e.clickhouse.Exec(`INSERT INTO post_events (event_id, event_type, event_time, user_id, post_id)
		SELECT generateUUIDv4(), ['post_view', 'post_like', 'post_comment', 'post_share', 'post_impression'][1 + rand(1) % 5],
			now64(3) - toIntervalMillisecond(least(rand(2) % 700000000, rand(4) % 700000000) / (1 + rand(5) % 50)), generateUUIDv4(),
			toUUID(concat('33333333-0000-4000-8000-', leftPad(toString(rand(3) % 300), 12, '0')))
		FROM numbers(20000)`)
	for window, bucket := range map[string]time.Duration{
		"5m": time.Minute, "90m": time.Minute, "1h": time.Minute, "6h": time.Minute, "1439m": time.Minute,
		"7h": time.Hour, "24h": time.Hour, "7d": time.Hour,
	} {
		parsed, err := trending.ParseWindow(window)
		require.NoError(t, err)
		for _, decay := range []int64{0, 600} {
			params, weighted := `{"window":"`+window+`","top_k":1000}`, weight
			if decay > 0 {
				params = `{"window":"` + window + `","top_k":1000,"decay":"` + strconv.FormatInt(decay/60, 10) + `m"}`
			}
			posts, about := e.run(params)
			now := about.CachedAt / 1000
			assert.Equal(t, now-now%int64(bucket.Seconds())+int64(bucket.Seconds()), about.To, "%s ends with the bucket that is running", window)
			assert.Equal(t, int64(parsed.Span.Seconds()), about.To-about.From)
			assert.Equal(t, about.CachedAt+60_000, about.FreshUntil)
			if decay > 0 {
				start := map[time.Duration]string{time.Minute: "toStartOfMinute(event_time)", time.Hour: "toStartOfHour(event_time)"}[bucket]
				weighted += fmt.Sprintf(" * exp2((toUnixTimestamp(%s) + %d - %d) / %d)", start, int64(bucket.Seconds()), about.To, decay)
			}
			want := e.raw(weighted, about)
			require.Len(t, posts, len(want), params)
			require.NotEmpty(t, posts, params)
			for i, post := range posts {
				assert.InEpsilon(t, want[post.PostID], post.Score, 1e-9, params)
				assert.Equal(t, now, post.CachedAt)
				if i > 0 {
					assert.GreaterOrEqual(t, posts[i-1].Score, post.Score, params)
				}
			}
		}
	}
	best, _ := e.run(`{"window":"7d","top_k":3}`)
	all, _ := e.run(`{"window":"7d","top_k":1000}`)
	assert.Equal(t, scores(all[:3]), scores(best))
}

func scores(posts []listed) []float64 {
	scores := make([]float64, len(posts))
	for i, post := range posts {
		scores[i] = post.Score
	}
	return scores
}

// What others read from Redis has exactly this shape, also of nothing, and
// scores have no digits that adding up made.
func TestShapeInRedis(t *testing.T) {
	e := startEngine(t)
	e.run(`{"window":"1h"}`)
	assert.Equal(t, "[]", e.redis.Do("GET", "nova:cache:trending:1h"))
	e.clickhouse.Exec(`INSERT INTO post_events (event_id, event_type, event_time, user_id, post_id)
		SELECT generateUUIDv4(), 'post_view', now64(3) - toIntervalMinute(number), generateUUIDv4(), toUUID('33333333-0000-4000-8000-000000000001') FROM numbers(3)`)
	e.run(`{"window":"1h"}`)
	assert.Regexp(t, `^\[\{"post_id":"33333333-0000-4000-8000-000000000001","score":0.3,"cached_at":\d{10}\}\]$`, e.redis.Do("GET", "nova:cache:trending:1h"))
	assert.Regexp(t, `^\{"cached_at":\d{13},"fresh_until":\d{13},"from":\d{10},"to":\d{10}\}$`, e.redis.Do("GET", "nova:cache:trending:1h:meta"))
	assert.InDelta(t, 3600, toInt(t, e.redis.Do("TTL", "nova:cache:trending:1h")), 5)
	assert.InDelta(t, 3600, toInt(t, e.redis.Do("TTL", "nova:cache:trending:1h:meta")), 5)
}

func toInt(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// A run that cannot ask or cannot write says which of the two.
func TestRunFails(t *testing.T) {
	e := startEngine(t)
	task, err := e.kind.Task([]byte(`{"window":"1h"}`))
	require.NoError(t, err)
	e.redis.Kill()
	_, err = task.Run(t.Context(), time.Minute)
	assert.ErrorContains(t, err, "keeping the posts of 1h")
	e.clickhouse.Exec("DROP TABLE post_engagement_minutely")
	_, err = task.Run(t.Context(), time.Minute)
	assert.ErrorContains(t, err, "ranking the posts of 1h")
	assert.Equal(t, clickhouse.Schema, clickhouse.ClassOf(err))
}
