package cdcingest_test

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	cdcingest "github.com/nova-data/nova/services/cdc-ingest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
)

// Redriven records fill what is missing and never override what is newer, in the
// tables and in their views, however often they are redriven; what would become a
// letter again stays one.
func TestRedrive(t *testing.T) {
	const first, second, third = "77777777-0000-4000-8000-000000000001", "77777777-0000-4000-8000-000000000002", "77777777-0000-4000-8000-000000000003"
	e := migrated(t)
	e.clickhouse.Exec("ALTER TABLE likes ADD CONSTRAINT planted CHECK created_at < '2030-01-01'")
	e.clickhouse.Exec("ALTER TABLE user_relationships ADD CONSTRAINT planted CHECK followee_id != '" + second + "'")
	likeOf := func(n int, lsn uint64, created string) cdctest.Record {
		return cdctest.Change{Op: "u", Table: "likes", LSN: lsn, After: likeAt(n, created)}.Record(likeID(n).String())
	}
	e.produce("likes", likeOf(1, 800, "2031-01-01T00:00:00Z"), likeOf(2, 808, "2031-01-01T00:00:00Z"))
	e.produce("likes", likeOf(2, 816, "2026-01-01T00:00:00Z")) // newer than what is refused
	e.produce("follows", follow("c", 800, "", first), follow("u", 808, first, second), follow("u", 816, second, third))
	e.kafka.Produce(kafkatest.Record{Topic: "cdc.likes", Key: []byte("{}"), Value: []byte("not JSON")})
	servicetest.Start(t)
	e.awaitCommits("likes", "follows")
	dead := len(e.kafka.Records(letters))
	require.Equal(t, 5, dead) // the tombstone of the refused pair is refused as well
	for _, table := range []string{"likes", "user_relationships"} {
		e.clickhouse.Exec("ALTER TABLE " + table + " DROP CONSTRAINT planted")
	}
	for range 2 {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 1, cdcingest.Main([]string{"dlq", "redrive"}, &stdout, &stderr), stderr.String())
		assert.Contains(t, stdout.String(), "4 redriven\n")
		assert.Contains(t, stdout.String(), "1 would be refused again\nmalformed: cdc.likes/0/")
		e.awaitCommits("likes", "follows")
		assert.Equal(t, "2031\n2026", e.clickhouse.Query("SELECT toYear(created_at) FROM likes FINAL ORDER BY id"))
		for _, view := range []string{"user_relationships", "user_relationships_current", "user_followers_current"} {
			assert.Equal(t, third, e.clickhouse.Query("SELECT followee_id FROM "+view+" FINAL WHERE status = 'active'"), view)
		}
	}
	assert.Len(t, e.kafka.Records(letters), dead, "no redriven record died again")
	var stdout, stderr bytes.Buffer
	require.Zero(t, cdcingest.Main([]string{"dlq", "list"}, &stdout, &stderr), stderr.String())
	assert.Contains(t, stderr.String(), "letters: "+strconv.Itoa(dead)+" (4 clickhouse_rejected, 1 malformed)")
}
