package invalidator_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
)

// A service that is killed after the pages are gone and before its commit reads
// the record again: a page that was computed in between goes too.
func TestKilledBeforeCommit(t *testing.T) {
	e := populated(t)
	service := e.runReading()
	before := e.kafka.Committed(group, "events")
	held, release := e.kafka.Hold(kafkatest.OffsetCommit)
	e.setPages(id(fan))
	e.produce("events", action("like"))
	<-held
	assert.False(t, e.hasPage(id(fan)), "the commit comes after the effect")
	service.Kill()
	e.endSessions() // so that the commit is refused
	release()
	e.setPages(id(fan))
	assert.Equal(t, before, e.kafka.Committed(group, "events"))

	again := e.run()
	e.awaitCommits()
	assert.False(t, e.hasPage(id(fan)))
	again.Stop()
}

// While Redis is away nothing is committed and the service says why; killed
// then, it loses nothing.
func TestKilledWhileRedisIsAway(t *testing.T) {
	e := populated(t)
	service := e.runReading()
	e.setPages(id(fan), id(stranger))
	before := e.kafka.Committed(group, "events")
	e.redis.Kill()
	e.produce("events", action("like"))
	servicetest.Await(t, "the reason", func() bool { return strings.Contains(service.get("/readyz"), "handler: connecting to Redis") })
	assert.Equal(t, before, e.kafka.Committed(group, "events"))
	service.Kill()
	e.endSessions()
	e.redis.Restart()
	require.True(t, e.hasPage(id(fan)))

	again := e.run()
	e.awaitCommits()
	assert.False(t, e.hasPage(id(fan)))
	assert.True(t, e.hasPage(id(stranger)))
	again.Stop()
}

// While ClickHouse is away a topic whose audience it knows pauses without a
// commit, others go on, and afterwards it goes on by itself.
func TestClickHouseAway(t *testing.T) {
	e := populated(t)
	service := e.runReading()
	e.setPages(id(fan), id(actor))
	before := e.kafka.Committed(group, "events")
	e.clickhouse.Kill()
	e.produce("events", action("like"))
	servicetest.Await(t, "the reason", func() bool {
		return strings.Contains(service.get("/readyz"), "handler: looking up authors of posts")
	})
	e.produce("cdc.follows", change("c", "", followRow(actor)))
	e.kafka.AwaitCommitted(group, "cdc.follows", e.kafka.Ends("cdc.follows"))
	assert.False(t, e.hasPage(id(actor)))
	assert.True(t, e.hasPage(id(fan)))
	assert.Equal(t, before, e.kafka.Committed(group, "events"))

	e.clickhouse.Restart()
	e.awaitCommits()
	assert.False(t, e.hasPage(id(fan)))
	servicetest.Await(t, "health", func() bool { return service.get("/readyz") == "{\"status\":\"ready\"}\n" })
	service.Stop()
}

// Without the schema the service is ready, says what it waits for, takes nothing
// from Kafka, and starts once it is there.
func TestWaitsForTheSchema(t *testing.T) {
	e := start(t)
	service := e.run()
	servicetest.Await(t, "the reason", func() bool { return strings.Contains(service.get("/readyz"), `"degraded":{"schema":`) })
	assert.Empty(t, e.kafka.Committed(group, "events"))
	servicetest.Migrate(t, e.clickhouse.Addr)
	e.awaitCommits()
	e.setPages(id(actor))
	e.produce("cdc.follows", change("c", "", followRow(actor)))
	e.awaitGone(id(actor))
	e.awaitCommits()
	service.Stop()
}

// A member that is stopped gives its partitions to another, which goes on where
// it was.
func TestHandover(t *testing.T) {
	e := populated(t)
	first := e.runReading()
	t.Setenv("ADMIN_ADDR", servicetest.FreeAddress(t))
	second := e.run()
	e.kafka.AwaitStable(group, 2)
	first.Stop()
	e.kafka.AwaitStable(group, 1)
	e.setPages(id(fan), id(stranger))
	e.produce("events", action("like"))
	e.awaitCommits()
	assert.False(t, e.hasPage(id(fan)))
	assert.True(t, e.hasPage(id(stranger)))
	second.Stop()
}
