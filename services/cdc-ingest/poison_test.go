package cdcingest_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
)

// follow is the follow number one, of a user that it names.
func follow(op string, lsn uint64, old, now string) cdctest.Record {
	const id = "66666666-0000-4000-8000-000000000001"
	row := func(followee string) string {
		if followee == "" {
			return ""
		}
		return `{"id":"` + id + `","follower_id":"` + id + `","following_id":"` + followee + `","created_at":"2026-01-01T00:00:00Z"}`
	}
	return cdctest.Change{Op: op, Table: "follows", LSN: lsn, Before: row(old), After: row(now)}.Record(id)
}

// Of a batch that ClickHouse refuses for its data only the records at fault become
// letters, with ClickHouse's words and their exact bytes. Everything else is stored,
// in views too, nothing of a refused update is, and all offsets are committed.
func TestClickHouseRefusesARow(t *testing.T) {
	const taken, refused = "77777777-0000-4000-8000-000000000001", "77777777-0000-4000-8000-000000000002"
	e := migrated(t)
	admin := e.admin()
	e.clickhouse.Exec("ALTER TABLE likes ADD CONSTRAINT no_future CHECK created_at < '2030-01-01'")
	e.clickhouse.Exec("ALTER TABLE user_relationships ADD CONSTRAINT not_this_one CHECK followee_id != '" + refused + "'")
	culprit := cdctest.Change{Op: "c", Table: "likes", LSN: 800, After: `{"id":"` + taken + `","post_id":"` + taken + `","user_id":"` + taken + `","created_at":"infinity"}`}.Record(taken)
	e.produce("likes", likes(0, 50)...)
	e.produce("likes", culprit)
	e.produce("likes", likes(50, 100)...)
	e.produce("follows", follow("c", 800, "", taken), follow("u", 808, taken, refused))
	servicetest.Start(t)
	e.awaitCommits("likes", "follows")

	assert.Equal(t, "100\t100", e.clickhouse.Query("SELECT count(), uniqExact(id) FROM likes FINAL"))
	for _, view := range []string{"user_relationships", "user_relationships_current", "user_followers_current"} {
		assert.Equal(t, taken+"\t0", e.clickhouse.Query("SELECT followee_id, is_deleted FROM "+view), view)
	}
	violated := map[string]string{}
	for _, record := range e.kafka.Records(letters) {
		letter, err := dlq.Decode(record.Value)
		require.NoError(t, err)
		assert.Equal(t, "clickhouse_rejected", letter.ErrorClass)
		original, err := letter.Original()
		require.NoError(t, err)
		violated[string(original)] = letter.Error
	}
	require.Len(t, violated, 2)
	assert.Contains(t, violated[string(culprit.Value)], "no_future")
	assert.Contains(t, violated[string(follow("u", 808, taken, refused).Value)], "not_this_one")
	servicetest.Await(t, "the metrics", func() bool {
		_, _, metrics := servicetest.Get(t, admin+"/metrics")
		return strings.Contains(metrics, `dead_letters_total{reason="clickhouse_rejected",topic="cdc.likes"} 1`) &&
			strings.Contains(metrics, `stored_rows_total{table="likes",topic="cdc.likes"} 100`)
	})
}

// A release that can read nothing does not drain its topics into the dead letters:
// after one batch the service pauses, for all topics, and says so while it stays
// ready. An operator's call lets it go on, and then nothing is missing or doubled.
func TestGuardPausesTheService(t *testing.T) {
	t.Setenv("BATCH_ROWS", "50")
	e := migrated(t)
	admin := e.admin()
	const poison = 1000
	var records []cdctest.Record
	for n := range poison {
		records = append(records, cdctest.Record{Key: []byte("{}"), Value: fmt.Appendf(nil, "poison %d", n)})
	}
	e.produce("likes", records...)
	servicetest.Start(t)
	servicetest.Await(t, "the pause", func() bool {
		status, _, report := servicetest.Get(t, admin+"/readyz")
		return status == http.StatusOK && strings.Contains(report, `"degraded"`) &&
			strings.Contains(report, `records became dead letters, the newest for \"malformed\"`) && strings.Contains(report, "POST /dlq/resume")
	})
	// What was begun before is finished, and nothing is begun.
	servicetest.Await(t, "the batch in hand", func() bool { return e.committed("likes") == int64(len(e.kafka.Records(letters))) })
	buried := len(e.kafka.Records(letters))
	assert.Less(t, buried, 20+50, "it trips at the 20th letter, within a batch")
	e.produce("follows", follow("c", 800, "", "77777777-0000-4000-8000-000000000001"))
	e.produce("likes", likes(0, 100)...)
	servicetest.Await(t, "another topic is held too", func() bool {
		_, _, metrics := servicetest.Get(t, admin+"/metrics")
		return strings.Contains(metrics, `event_processing_errors_total{step="guard",topic="cdc.follows"}`)
	})
	assert.Zero(t, e.committed("follows"))
	assert.Len(t, e.kafka.Records(letters), buried)

	servicetest.Await(t, "a batch of poison with each call", func() bool {
		e.post(admin+"/dlq/resume", "")
		return maps.Equal(e.kafka.Committed(group, "cdc.likes"), e.kafka.Ends("cdc.likes"))
	})
	e.post(admin+"/dlq/resume", "")
	e.awaitCommits("follows")
	assert.Equal(t, "100\t100", e.clickhouse.Query("SELECT count(), uniqExact(id) FROM likes FINAL"))
	keys := map[string]bool{}
	for _, record := range e.kafka.Records(letters) {
		assert.NotContains(t, keys, string(record.Key))
		keys[string(record.Key)] = true
	}
	assert.Len(t, keys, poison)
	servicetest.Await(t, "all is well", func() bool {
		_, _, report := servicetest.Get(t, admin+"/readyz")
		return report == `{"status":"ready"}`+"\n"
	})
}
