package cdcingest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
)

// What captures hold at their end, as PostgreSQL had it.
const captured = `-- users
11111111-0000-4000-8000-000000000001	snap_user		bbbbbbbbbb	\N	false	2026-11-23 23:59:31.571020	2026-11-23 23:59:31.571020	1	0
11111111-0000-4000-8000-000000000002	snap_user2		\N	\N	false	2026-11-23 23:59:31.571020	2026-11-23 23:59:31.571020	1	0
22222222-0000-4000-8000-000000000003	third		\N	\N	false	2026-11-24 00:00:51.738434	2026-11-24 00:00:51.738434	26959474	0
-- posts
33333333-0000-4000-8000-000000000001	11111111-0000-4000-8000-000000000001	Kirschblüte 🌸	img/1.jpg	archived	2299-12-31 23:59:59.999999	2026-11-24 00:00:51.732429	2026-11-24 00:00:51.734242	26945794	0
-- comments

-- likes

-- user_relationships
66666666-0000-4000-8000-000000000002	11111111-0000-4000-8000-000000000002	11111111-0000-4000-8000-000000000001	active	2026-11-24 00:00:51.740606	26961802	0
-- user_relationships_current
11111111-0000-4000-8000-000000000002	11111111-0000-4000-8000-000000000001	66666666-0000-4000-8000-000000000002	active	2026-11-24 00:00:51.740606	26961802	0
-- user_followers_current
11111111-0000-4000-8000-000000000001	11111111-0000-4000-8000-000000000002	66666666-0000-4000-8000-000000000002	active	2026-11-24 00:00:51.740606	26961802	0
`

// All that happened to five tables arrives, poison in the middle becomes letters
// that give the exact bytes back, every offset is committed, and reading it all
// again, backwards, changes nothing.
func TestTablesFollowPostgreSQL(t *testing.T) {
	t.Setenv("DLQ_GUARD_MIN_LETTERS", "100") // a third of these few records is poison
	e := migrated(t)
	service := servicetest.Start(t)
	for _, table := range tables() {
		records := cdctest.Capture(t, table)
		middle := len(records) / 2
		e.produce(table, slices.Insert(records, middle,
			cdctest.Record{Key: []byte(`{"id":1}`), Value: []byte("not \x00 JSON")},
			cdctest.Record{Key: []byte(`{"id":1}`), Value: []byte(`{"id":"a row without its envelope"}`)},
			cdctest.Record{Value: records[0].Value})...)
	}
	e.awaitCommits(tables()...)
	assert.Equal(t, captured, e.rows())

	classes := map[string]int{}
	for _, record := range e.kafka.Records(letters) {
		letter, err := dlq.Decode(record.Value)
		require.NoError(t, err)
		assert.Equal(t, letter.Origin(), string(record.Key))
		classes[letter.ErrorClass]++
		if letter.ErrorClass == "malformed" {
			original, err := letter.Original()
			require.NoError(t, err)
			assert.Equal(t, "not \x00 JSON", string(original))
		}
	}
	assert.Equal(t, map[string]int{"malformed": 5, "flattened": 5, "key": 5, "unchanged_toast": 1}, classes)

	for _, table := range tables() {
		records := cdctest.Capture(t, table)
		slices.Reverse(records)
		e.produce(table, records...)
	}
	e.awaitCommits(tables()...)
	assert.Equal(t, captured, e.rows())
	service.Stop()
}

func likeID(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("55555555-0000-4000-8000-%012d", n))
}

// likeRow is the n-th like, and likeAt the one with another time.
func likeRow(n int) string { return likeAt(n, "2026-01-01T00:00:00Z") }

func likeAt(n int, created string) string {
	return fmt.Sprintf(`{"id":%[1]q,"post_id":%[1]q,"user_id":%[1]q,"created_at":%[2]q}`, likeID(n), created)
}

// like is the creation of the n-th like.
func like(n int) cdctest.Record {
	return cdctest.Change{Op: "c", Table: "likes", LSN: uint64(800 + 8*n), After: likeRow(n)}.Record(likeID(n).String())
}

func likes(from, to int) []cdctest.Record {
	var records []cdctest.Record
	for n := from; n < to; n++ {
		records = append(records, like(n))
	}
	return records
}

// A ClickHouse that is killed while rows go in, before and after storing them,
// loses none: the service waits, says so while it stays ready, and goes on.
func TestClickHouseKilled(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			e := migrated(t)
			admin := e.admin()
			servicetest.Start(t)
			e.produce("likes", likes(0, 100)...)
			e.awaitCommits("likes")
			e.clickhouse.Fault(chtest.Fault{Action: "exit", When: when, Table: "likes"})
			before := e.kafka.Committed(group, "cdc.likes")
			e.produce("likes", likes(100, 200)...)
			<-e.clickhouse.Exited()
			servicetest.Await(t, "the breaker", func() bool {
				status, _, report := servicetest.Get(t, admin+"/readyz")
				return status == http.StatusOK && strings.Contains(report, `"clickhouse":"its breaker is open`)
			})
			assert.Equal(t, before, e.kafka.Committed(group, "cdc.likes"), "nothing is committed that is not stored")
			e.clickhouse.Restart()
			e.produce("likes", likes(200, 300)...)
			e.awaitCommits("likes")
			assert.Equal(t, "300\t300", e.clickhouse.Query("SELECT count(), uniqExact(id) FROM likes FINAL"))
		})
	}
}

// A service that is killed between a letter and the insert, or between the insert
// and the commit, reads the same records again: the rows stay the same, and a letter
// that is written again says by its key that it is the same.
func TestServiceKilled(t *testing.T) {
	for _, point := range []string{"after_letter", "after_insert"} {
		t.Run(point, func(t *testing.T) {
			t.Setenv("FAILPOINTS_ENABLED", "true")
			e := migrated(t)
			admin := e.admin()
			service := servicetest.Start(t)
			e.produce("likes", like(0))
			e.awaitCommits("likes")
			e.post(admin+"/failpoints", `{"point":"`+point+`","count":1}`)
			e.produce("likes", append(likes(1, 100), cdctest.Record{Key: []byte("{}"), Value: []byte("poison")})...)
			servicetest.Await(t, "its end", func() bool {
				status, _, _ := servicetest.Get(t, admin+"/livez")
				return status == 0
			})
			service.Kill()
			assert.Less(t, e.committed("likes"), int64(101))
			servicetest.Start(t)
			e.awaitCommits("likes")
			assert.Equal(t, "100\t100", e.clickhouse.Query("SELECT count(), uniqExact(id) FROM likes FINAL"))
			keys := map[string]bool{}
			for _, record := range e.kafka.Records(letters) {
				keys[string(record.Key)] = true
			}
			assert.Len(t, keys, 1)
		})
	}
}

// A topic prefix without an epoch pauses its topic and says which line to add;
// with it the new source's rows win over the old one's.
func TestUnmappedPrefix(t *testing.T) {
	e := migrated(t)
	service := servicetest.Start(t)
	e.produce("likes", like(1))
	e.awaitCommits("likes")
	before := e.kafka.Committed(group, "cdc.likes")

	id := "55555555-0000-4000-8000-000000000001"
	e.produce("likes", cdctest.Change{Op: "r", Table: "likes", Prefix: "nova2", LSN: 8, After: `{"id":"` + id + `","post_id":"` + id + `","user_id":"` + id + `","created_at":"2027-01-01T00:00:00Z"}`}.Record(id))
	e.produce("posts", cdctest.Capture(t, "posts")...)
	e.awaitCommits("posts")
	servicetest.Await(t, "the line to add", func() bool { return strings.Contains(service.Logged(), "CDC_EPOCHS=nova2:1,nova:0") })
	assert.Equal(t, before, e.kafka.Committed(group, "cdc.likes"))
	service.Stop()

	t.Setenv("CDC_EPOCHS", "nova:0,nova2:1")
	servicetest.Start(t)
	e.awaitCommits("likes")
	assert.Equal(t, "2027-01-01 00:00:00.000000\t72057594037927937", e.clickhouse.Query("SELECT created_at, version FROM likes FINAL"))
	assert.Empty(t, e.kafka.Records(letters))
}

// Without the schema the service waits, says for what, takes nothing from Kafka,
// and starts once it is there.
func TestWaitsForTheSchema(t *testing.T) {
	e := start(t)
	service := servicetest.Start(t)
	e.produce("likes", like(1))
	servicetest.Await(t, "the reason", func() bool { return strings.Contains(service.Logged(), "run jobs migrate") })
	assert.Empty(t, e.kafka.Committed(group, "cdc.likes"))
	servicetest.Migrate(t, e.clickhouse.Addr)
	e.awaitCommits("likes")
	assert.Equal(t, "1", e.clickhouse.Query("SELECT count() FROM likes FINAL"))
	service.Stop()
}
