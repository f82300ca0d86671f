package cdcingest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
)

// truncate puts a TRUNCATE of a table into a partition, without a key as the
// connector does.
func (e environment) truncate(table string, lsn uint64, partition int) {
	e.Helper()
	record := cdctest.Change{Op: "t", Table: table, LSN: lsn}.Record("")
	e.kafka.Produce(kafkatest.Record{Topic: "cdc." + table, Partition: partition, Value: record.Value})
}

// readAgain lets the service, which does not run, read all records of a table again.
func (e environment) readAgain(table string) {
	e.Helper()
	start := map[int]int64{}
	for partition := range e.kafka.Committed(group, "cdc."+table) {
		start[partition] = 0
	}
	e.kafka.Commit(group, "cdc."+table, start, "")
}

// Rows that a TRUNCATE has removed go, be they read before it, with it or after it;
// rows written later stay, whatever the order in which partitions are read, and the
// same is true when all of it is read again. Letters there are none.
func TestTruncate(t *testing.T) {
	e := migrated(t)
	service := servicetest.Start(t)
	e.produce("likes", likes(0, 20)...)
	e.produce("likes", likes(60, 80)...) // written after it, read before it
	e.awaitCommits("likes")
	for partition := range partitions { // any partition may have it, and two in a row are one
		e.truncate("likes", uint64(800+8*50+8*partition), partition)
	}
	e.produce("likes", likes(53, 60)...)
	e.produce("likes", likes(20, 40)...) // written before it
	e.awaitCommits("likes")
	e.produce("likes", likes(40, 50)...) // and read much later
	e.produce("likes", likes(80, 90)...)
	e.awaitCommits("likes")
	const seen = "SELECT count(), uniqExact(id), min(version), max(version) FROM likes FINAL"
	want := fmt.Sprintf("37\t37\t%d\t%d", 800+8*53+2, 800+8*89+2)
	assert.Equal(t, want, e.clickhouse.Query(seen))

	service.Stop()
	e.readAgain("likes")
	e.clickhouse.Exec("OPTIMIZE TABLE likes FINAL")
	servicetest.Start(t)
	e.awaitCommits("likes")
	assert.Equal(t, want, e.clickhouse.Query(seen))
	assert.Empty(t, e.kafka.Records(letters))
}

// A view that holds a removed row under keys which are not its newest is swept too,
// even if the base table has forgotten them.
func TestTruncateSweepsViews(t *testing.T) {
	const old, now = "77777777-0000-4000-8000-000000000001", "77777777-0000-4000-8000-000000000002"
	e := migrated(t)
	servicetest.Start(t)
	e.produce("follows", follow("c", 800, "", old), follow("c", 816, "", now))
	e.awaitCommits("follows")
	e.clickhouse.Exec("OPTIMIZE TABLE user_relationships FINAL")
	e.truncate("follows", 808, 2)
	e.awaitCommits("follows")
	for _, view := range []string{"user_relationships", "user_relationships_current", "user_followers_current"} {
		assert.Equal(t, now+"\tactive", e.clickhouse.Query("SELECT followee_id, status FROM "+view+" FINAL"), view)
	}
}

// A service killed at any step of a truncate repeats it, and nothing else changes.
func TestKilledWhileTruncating(t *testing.T) {
	t.Setenv("FAILPOINTS_ENABLED", "true")
	e := migrated(t)
	admin := e.admin()
	service := servicetest.Start(t)
	e.produce("likes", likes(0, 20)...)
	e.awaitCommits("likes")
	e.post(admin+"/failpoints", `{"point":"after_insert","count":1}`)
	e.truncate("likes", 800+8*50, 0)
	e.produce("likes", likes(20, 60)...)
	servicetest.Await(t, "its end", func() bool {
		status, _, _ := servicetest.Get(t, admin+"/livez")
		return status == 0
	})
	service.Kill()
	servicetest.Start(t)
	e.awaitCommits("likes")
	assert.Equal(t, "10", e.clickhouse.Query("SELECT count() FROM likes FINAL"))
}
