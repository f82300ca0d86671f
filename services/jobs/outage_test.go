package jobs_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/servicetest"
)

// While ClickHouse is away readers get the last list, with its age, and are told
// that it is stale; when it is back the list is new within an interval. That
// holds without Redis too, for what was read before.
func TestClickHouseAway(t *testing.T) {
	e := migrated(t)
	e.like(first, 1, 0)
	e.define(row{name: "trending-1h", schedule: "@every 1s", params: `{"window":"1h"}`})
	p := e.service()
	servicetest.Await(t, "a list", func() bool { return e.value("1h") != "" })
	assert.False(t, p.trending("").Stale)

	e.clickhouse.Kill()
	servicetest.Await(t, "stale", func() bool { return p.trending("").Stale })
	servicetest.Await(t, "it ages", func() bool { return p.trending("").AgeSeconds >= 2 })
	status, header, body := servicetest.Get(t, p.url+"/v1/trending?window=1h")
	assert.Equal(t, http.StatusOK, status)
	assert.Regexp(t, `^\d+$`, header.Get("Age"))
	assert.Contains(t, body, first)
	status, header, _ = servicetest.Get(t, p.url+"/v1/trending?window=7d")
	assert.Equal(t, http.StatusServiceUnavailable, status, "nobody has this list")
	assert.Equal(t, "2", header.Get("Retry-After"))
	status, _, _ = servicetest.Get(t, p.url+"/v1/trending?window=5d")
	assert.Equal(t, http.StatusNotFound, status)
	status, _, body = servicetest.Get(t, p.admin+"/readyz")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"clickhouse"`)

	e.redis.Kill()
	assert.True(t, p.trending("").Stale)
	e.redis.Restart()
	e.clickhouse.Restart()
	e.like(second, 3, 0)
	servicetest.Await(t, "fresh again", func() bool {
		got := p.trending("")
		return !got.Stale && len(got.Posts) == 2
	})
	p.Stop()
}

// Without Redis readers get what ClickHouse computes for them.
func TestRedisAway(t *testing.T) {
	e := migrated(t)
	e.like(first, 1, 0)
	p := e.service()
	e.redis.Kill()
	got := p.trending("")
	require.Len(t, got.Posts, 1)
	assert.False(t, got.Stale)
	status, _, _ := servicetest.Get(t, p.url+"/v1/trending?window=5h")
	assert.Equal(t, http.StatusServiceUnavailable, status, "Redis may have it")
	e.redis.Restart()
	servicetest.Await(t, "Redis is used again", func() bool { p.trending(""); return e.value("1h") != "" })
	p.Stop()
}

// A service that begins while ClickHouse is away serves what Redis has, and its
// jobs wait for the tables.
func TestBeginWithoutClickHouse(t *testing.T) {
	e := migrated(t)
	e.define(shipped()...)
	p := e.service()
	servicetest.Await(t, "lists", func() bool { return e.value("1h") != "" && e.value("7d") != "" })
	p.Stop()
	e.clickhouse.Kill()
	p = e.service()
	servicetest.Await(t, "stale", func() bool { return p.trending("").Stale })
	servicetest.Await(t, "waiting", func() bool { return p.state("trending-1h") == "waiting" })
	e.clickhouse.Restart()
	servicetest.Await(t, "it runs", func() bool { return p.state("trending-1h") == "scheduled" && !p.trending("").Stale })
	p.Stop()
}

// While Kafka is away nobody knows whose the jobs are, and none runs; readers are
// served, and when it is back the jobs go on.
func TestKafkaAway(t *testing.T) {
	e := migrated(t)
	e.define(row{name: "trending-1h", schedule: "@every 1s", params: `{"window":"1h"}`})
	p := e.service()
	servicetest.Await(t, "a list", func() bool { return e.value("1h") != "" })
	e.kafka.Stop()
	servicetest.Await(t, "no jobs", func() bool { return p.state("trending-1h") == "" })
	claimed := len(e.claims("trending-1h"))
	servicetest.Await(t, "the list gets older", func() bool { return p.trending("").AgeSeconds >= 2 })
	assert.Len(t, e.claims("trending-1h"), claimed)
	e.kafka.Restart()
	servicetest.Await(t, "it runs again", func() bool { return len(e.claims("trending-1h")) > claimed && p.state("trending-1h") == "scheduled" })
	p.Stop()
}

// A service that finds nothing of what it works with begins all the same, says
// what is missing, and ends when it is told.
func TestBeginWithNothing(t *testing.T) {
	const nowhere = "127.0.0.1:1"
	for name, value := range map[string]string{
		"KAFKA_BROKERS": nowhere, "CLICKHOUSE_ADDR": nowhere, "REDIS_ADDR": nowhere, "HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0",
	} {
		t.Setenv(name, value)
	}
	p := environment{T: t}.service()
	servicetest.Await(t, "it says so", func() bool {
		status, _, body := servicetest.Get(t, p.admin+"/readyz")
		return status == http.StatusOK && strings.Contains(body, "nova-jobs") && strings.Contains(body, "clickhouse schema")
	})
	status, _, body := servicetest.Get(t, p.url+"/v1/trending")
	assert.Equal(t, http.StatusServiceUnavailable, status, body)
	jobs, _ := p.jobs()
	assert.Empty(t, jobs)
	p.Stop()
}

// A service that is killed leaves nothing behind that stops the next one, which
// reads all definitions again from the start, however they are committed.
func TestKilledService(t *testing.T) {
	e := migrated(t)
	e.define(shipped()...)
	p := e.service()
	servicetest.Await(t, "a list", func() bool { return e.value("7d") != "" })
	e.awaitCommits()
	p.Kill()

	e.redis.Do("FLUSHALL")
	p = e.service()
	servicetest.Await(t, "lists again", func() bool { return e.value("1h") != "" && e.value("24h") != "" && e.value("7d") != "" })
	jobs, _ := p.jobs()
	assert.Len(t, jobs, 3)
	e.awaitCommits()
	p.Stop()
}
