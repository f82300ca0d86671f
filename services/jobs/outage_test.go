package jobs_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holds without Redis too, for what was read before.
func TestClickHouseAway(t *testing.T) {
	e := migrated(t)
	e.like(first, 1, 0)
	e.define(row{name: "trending-1h", schedule: "@every 1s", params: `{"window":"1h"}`})
	p := e.service()
	e.await("a list", func() bool { return e.value("1h") != "" })
	assert.False(t, p.trending("").Stale)

	e.clickhouse.Kill()
	e.await("stale", func() bool { return p.trending("").Stale })
	e.await("it ages", func() bool { return p.trending("").AgeSeconds >= 2 })
	status, header, body := p.get(p.url + "/v1/trending?window=1h")
	assert.Equal(t, http.StatusOK, status)
	assert.Regexp(t, `^\d+$`, header.Get("Age"))
	assert.Contains(t, body, first)
	status, header, _ = p.get(p.url + "/v1/trending?window=7d")
	assert.Equal(t, http.StatusServiceUnavailable, status, "nobody has this list")
	assert.Equal(t, "2", header.Get("Retry-After"))
	status, _, _ = p.get(p.url + "/v1/trending?window=5d")
	assert.Equal(t, http.StatusNotFound, status)
	status, _, body = p.get(p.admin + "/readyz")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"clickhouse"`)

	e.redis.Kill()
	assert.True(t, p.trending("").Stale)
	e.redis.Restart()
	e.clickhouse.Restart()
	e.like(second, 3, 0)
	e.await("fresh again", func() bool {
		got := p.trending("")
		return !got.Stale && len(got.Posts) == 2
	})
	p.stop()
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
	status, _, _ := p.get(p.url + "/v1/trending?window=5h")
	assert.Equal(t, http.StatusServiceUnavailable, status, "Redis may have it")
	e.redis.Restart()
	e.await("Redis is used again", func() bool { p.trending(""); return e.value("1h") != "" })
	p.stop()
}

// jobs wait for the tables.
func TestBeginWithoutClickHouse(t *testing.T) {
	e := migrated(t)
	e.define(shipped()...)
	p := e.service()
	e.await("lists", func() bool { return e.value("1h") != "" && e.value("7d") != "" })
	p.stop()
	e.clickhouse.Kill()
	p = e.service()
	e.await("stale", func() bool { return p.trending("").Stale })
	e.await("waiting", func() bool { return p.state("trending-1h") == "waiting" })
	e.clickhouse.Restart()
	e.await("it runs", func() bool { return p.state("trending-1h") == "scheduled" && !p.trending("").Stale })
	p.stop()
}

// served, and when it is back the jobs go on.
func TestKafkaAway(t *testing.T) {
	e := migrated(t)
	e.define(row{name: "trending-1h", schedule: "@every 1s", params: `{"window":"1h"}`})
	p := e.service()
	e.await("a list", func() bool { return e.value("1h") != "" })
	e.kafka.Stop()
	e.await("no jobs", func() bool { return p.state("trending-1h") == "" })
	claimed := len(e.claims("trending-1h"))
	e.await("the list gets older", func() bool { return p.trending("").AgeSeconds >= 2 })
	assert.Len(t, e.claims("trending-1h"), claimed)
	e.kafka.Restart()
	e.await("it runs again", func() bool { return len(e.claims("trending-1h")) > claimed && p.state("trending-1h") == "scheduled" })
	p.stop()
}

// what is missing, and ends when it is told.
func TestBeginWithNothing(t *testing.T) {
	const nowhere = "127.0.0.1:1"
	for name, value := range map[string]string{
		"KAFKA_BROKERS": nowhere, "CLICKHOUSE_ADDR": nowhere, "REDIS_ADDR": nowhere, "HTTP_ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0",
	} {
		t.Setenv(name, value)
	}
	p := environment{T: t}.service()
	p.await("it says so", func() bool {
		status, _, body := p.get(p.admin + "/readyz")
		return status == http.StatusOK && strings.Contains(body, "nova-jobs") && strings.Contains(body, "clickhouse schema")
	})
	status, _, body := p.get(p.url + "/v1/trending")
	assert.Equal(t, http.StatusServiceUnavailable, status, body)
	jobs, _ := p.jobs()
	assert.Empty(t, jobs)
	p.stop()
}

// reads all definitions again from the start, however they are committed.
func TestKilledService(t *testing.T) {
	e := migrated(t)
	e.define(shipped()...)
	p := e.service()
	e.await("a list", func() bool { return e.value("7d") != "" })
	e.awaitCommits()
	p.kill()

	e.redis.Do("FLUSHALL")
	p = e.service()
	e.await("lists again", func() bool { return e.value("1h") != "" && e.value("24h") != "" && e.value("7d") != "" })
	jobs, _ := p.jobs()
	assert.Len(t, jobs, 3)
	e.awaitCommits()
	p.stop()
}
