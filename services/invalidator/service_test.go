package invalidator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/redistest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/invalidator"
)

const (
	group      = "nova-invalidator"
	partitions = 2
)

// A closed rueidis client leaves a timer that ends by itself within a second.
func TestMain(m *testing.M) {
	servicetest.Main(m, invalidator.Main, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

func topics() []string {
	return []string{"events", "cdc.posts", "cdc.likes", "cdc.comments", "cdc.follows", "cdc.users"}
}

// environment is what the service talks to.
type environment struct {
	*testing.T
	clickhouse *chtest.Server
	kafka      *kafkatest.Cluster
	redis      *redistest.Server
	admin      string
}

// start starts ClickHouse, without the schema, Redis, and Kafka with the topics.
func start(t *testing.T) environment {
	t.Helper()
	all := make([]kafkatest.Topic, 0, len(topics()))
	for _, topic := range topics() {
		all = append(all, kafkatest.Topic{Name: topic, Partitions: partitions})
	}
	e := environment{
		T: t, clickhouse: chtest.Start(t), kafka: kafkatest.Start(t, all...), redis: redistest.Start(t), admin: servicetest.FreeAddress(t),
	}
	for name, value := range map[string]string{
		"CLICKHOUSE_ADDR":    e.clickhouse.Addr,
		"KAFKA_BROKERS":      strings.Join(e.kafka.Brokers, ","),
		"REDIS_ADDR":         e.redis.Addr,
		"ADMIN_ADDR":         e.admin,
		"FETCH_WAIT":         "100ms",
		"HEARTBEAT_INTERVAL": "100ms",
		"SESSION_TIMEOUT":    "6s",
		"CACHE_TIMEOUT":      "1s",
	} {
		t.Setenv(name, value)
	}
	return e
}

// migrated is start with the schema applied.
func migrated(t *testing.T) environment {
	t.Helper()
	e := start(t)
	servicetest.Migrate(t, e.clickhouse.Addr)
	return e
}

// process is a running invalidator.
type process struct {
	environment
	*servicetest.Process
}

func (e environment) run() process {
	e.Helper()
	return process{environment: e, Process: servicetest.Start(e)}
}

// runReading is run, and waits until the place of every partition is committed:
// before that a new group's records are none of its business.
func (e environment) runReading() process {
	e.Helper()
	p := e.run()
	e.awaitCommits()
	return p
}

// endSessions takes the members out of the group, as time does with the killed.
func (e environment) endSessions() {
	e.Helper()
	for _, member := range e.kafka.Fake().GroupInfo(group).Members {
		require.NoError(e, e.kafka.Evict(group, member.MemberID))
	}
}

// get is the body of a page of the admin server.
func (p process) get(path string) string {
	p.Helper()
	_, _, body := servicetest.Get(p, "http://"+p.admin+path)
	return body
}

// awaitCommits waits until every record is committed, and of topics without
// records that there is none.
func (e environment) awaitCommits() {
	e.Helper()
	for _, topic := range topics() {
		e.kafka.AwaitCommitted(group, topic, e.kafka.Ends(topic))
	}
}

// cache opens the feed cache as its users do.
func (e environment) cache() *feedcache.Cache {
	e.Helper()
	var cfg struct {
		Redis redis.Config     `envconfig:"REDIS"`
		Cache feedcache.Config `envconfig:"CACHE"`
	}
	require.NoError(e, config.Load(&cfg))
	cache, err := feedcache.Open(cfg.Redis, cfg.Cache, feedcache.Deps{Meter: noop.Meter{}})
	require.NoError(e, err)
	e.Cleanup(cache.Close)
	return cache
}

func firstPage() feedcache.Place { return feedcache.Place{Offset: 0, Limit: 20} }

// setPages writes pages as others do, without the index.
func (e environment) setPages(users ...uuid.UUID) {
	e.Helper()
	for _, user := range users {
		require.Equal(e, "OK", e.redis.Do("SET", feedcache.Key(user, firstPage()), `{"post_ids":[],"total_count":0,"cached_at":1}`, "EX", "600"))
	}
}

func (e environment) hasPage(user uuid.UUID) bool {
	e.Helper()
	return e.redis.Do("EXISTS", feedcache.Key(user, firstPage())) != "0"
}

// awaitGone waits until none of the users has a page.
func (e environment) awaitGone(users ...uuid.UUID) {
	e.Helper()
	for _, user := range users {
		servicetest.Await(e, "the page of "+user.String()+" is gone", func() bool { return !e.hasPage(user) })
	}
}

// addPost stores a post in ClickHouse.
func (e environment) addPost(post, author uuid.UUID) {
	e.Helper()
	e.clickhouse.Exec(fmt.Sprintf(`INSERT INTO posts (id, user_id, version, is_deleted) VALUES ('%s', '%s', 1, 0)`, post, author))
}

// addFollow stores a follow in ClickHouse.
func (e environment) addFollow(follower, followee uuid.UUID) {
	e.Helper()
	e.clickhouse.Exec(fmt.Sprintf(`INSERT INTO user_relationships (id, follower_id, followee_id, status, version, is_deleted) VALUES (generateUUIDv4(), '%s', '%s', 'active', 1, 0)`,
		follower, followee))
}

// produce puts values on a topic's first partition.
func (e environment) produce(topic string, values ...string) {
	e.Helper()
	records := make([]kafkatest.Record, 0, len(values))
	for _, value := range values {
		records = append(records, kafkatest.Record{Topic: topic, Key: []byte("k"), Value: []byte(value)})
	}
	e.kafka.Produce(records...)
}
