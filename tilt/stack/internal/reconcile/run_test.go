package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const strange = "0badc0de-0000-4000-8000-000000000001"

// Every planted difference is found, counted, and named by table and key, and
// the report is not OK; without one it is OK, whatever the rows hold.
func TestRunFindsPlantedDifferences(t *testing.T) {
	s := newSides(t)

	equal := s.run()
	require.True(t, equal.OK(), "%+v", equal)
	for _, table := range equal.all() {
		assert.NotZero(t, table.Source, table.Name)
		assert.Equal(t, table.Source, table.Stored, table.Name)
	}
	assert.Equal(t, []string{"id", "follower_id", "followee_id", "status", "created_at"}, equal.Tables[4].Columns)
	assert.Contains(t, equal.Tables[1].Columns, "soft_delete")
	assert.NotContains(t, equal.Tables[0].Columns, "email")

	s.storeEvents(0, s.unknown[0])
	s.storeEvents(0, uuid.MustParse(strange))
	undecided := s.run()
	require.True(t, undecided.OK(), "unknown fate, and an earlier run's event: %+v", undecided)
	assert.Equal(t, uint64(1), undecided.Events.Undecided)

	want := map[string]string{}
	for _, plant := range planted() {
		table, key, what := plant(s)
		want[table+" "+key] = what
	}
	report := s.run()
	assert.False(t, report.OK())
	got := map[string]string{}
	var differences uint64
	for _, table := range report.all() {
		differences += table.Differences
		for _, d := range table.Examples {
			got[table.Name+" "+d.Key] = d.What
		}
	}
	assert.Equal(t, want, got)
	assert.Equal(t, uint64(len(want)), differences)
}

// planted returns changes to one side, each with the difference it makes.
func planted() []func(*sides) (table, key, what string) {
	return []func(*sides) (table, key, what string){
		missingRow, extraRow, otherText, otherMoment, otherNull, resurrected, unfollowed,
		missingEvent, doubledEvent, eventNeverSent,
	}
}

func missingRow(s *sides) (table, key, what string) {
	key = s.key("users", "")
	s.store(`INSERT INTO users FORMAT JSONEachRow {"id":"` + key + `","version":16,"is_deleted":1}`)
	return "users", key, "missing in ClickHouse"
}

func extraRow(s *sides) (table, key, what string) {
	s.store(`INSERT INTO posts FORMAT JSONEachRow {"id":"` + strange + `","version":8}`)
	return "posts", strange, "only in ClickHouse"
}

func otherText(s *sides) (table, key, what string) {
	key = s.key("comments", "WHERE soft_delete IS NULL")
	s.postgres.Exec("UPDATE comments SET content = 'now 🌸' WHERE id = $1", key)
	s.copyTable(mirrors()[2], "WHERE id = '"+key+"'")
	s.postgres.Exec("ALTER TABLE comments DISABLE TRIGGER USER")
	s.postgres.Exec("UPDATE comments SET content = 'later' WHERE id = $1", key)
	return "comments", key, `content is "later" in PostgreSQL, "now 🌸" in ClickHouse`
}

// otherMoment differs by one microsecond.
func otherMoment(s *sides) (table, key, what string) {
	key = s.key("likes", "")
	s.postgres.Exec("UPDATE likes SET created_at = '2020-01-02T03:04:05.000001Z' WHERE id = $1", key)
	s.copyTable(mirrors()[3], "WHERE id = '"+key+"'")
	s.postgres.Exec("UPDATE likes SET created_at = '2020-01-02T03:04:05.000002Z' WHERE id = $1", key)
	return "likes", key, `created_at is "1577934245000002" in PostgreSQL, "1577934245000001" in ClickHouse`
}

// otherNull is a post hidden in ClickHouse only.
func otherNull(s *sides) (table, key, what string) {
	key = s.key("posts", "WHERE soft_delete IS NULL")
	s.postgres.Exec("ALTER TABLE posts DISABLE TRIGGER USER")
	s.postgres.Exec("UPDATE posts SET soft_delete = '2020-01-02T03:04:05Z' WHERE id = $1", key)
	s.copyTable(mirrors()[1], "WHERE id = '"+key+"'")
	s.postgres.Exec("UPDATE posts SET soft_delete = NULL WHERE id = $1", key)
	return "posts", key, `soft_delete is NULL in PostgreSQL, "1577934245000000" in ClickHouse`
}

// resurrected is a row that was deleted and came back with a late record.
func resurrected(s *sides) (table, key, what string) {
	key = s.key("likes", "WHERE created_at > '2021-01-01T00:00:00Z'")
	s.store(`INSERT INTO likes FORMAT JSONEachRow {"id":"` + key + `","version":16,"is_deleted":1}`)
	s.postgres.Exec("DELETE FROM likes WHERE id = $1", key)
	s.store(`INSERT INTO likes FORMAT JSONEachRow {"id":"` + key + `","version":24,"is_deleted":0}`)
	return "likes", key, "only in ClickHouse"
}

// unfollowed is a follow that holds in PostgreSQL and has its row, but not its
// status, in ClickHouse.
func unfollowed(s *sides) (table, key, what string) {
	key = s.key("follows", "")
	s.store(`INSERT INTO user_relationships (id, follower_id, followee_id, created_at, status, version)
		SELECT id, follower_id, followee_id, created_at, 'deleted', 16 FROM user_relationships FINAL WHERE id = '` + key + `'`)
	return "follows → user_relationships", key, `status is "active" in PostgreSQL, "deleted" in ClickHouse`
}

func missingEvent(s *sides) (table, key, what string) {
	key = s.accepted[2].String()
	s.store("ALTER TABLE post_events DELETE WHERE event_id = '" + key + "' SETTINGS mutations_sync = 1")
	return "post_events", key, "missing in ClickHouse"
}

// doubledEvent has another time, so it is another row also under FINAL.
func doubledEvent(s *sides) (table, key, what string) {
	s.storeEvents(1, s.accepted[5])
	return "post_events", s.accepted[5].String(), "stored more than once"
}

func eventNeverSent(s *sides) (table, key, what string) {
	id := s.accepted[0]
	id[8] = 0xbf
	s.storeEvents(0, id)
	return "post_events", id.String(), "only in ClickHouse"
}

// While rows are still arriving Run waits, saying for what, and is content once
// they are there; servers that are away for a while are waited for too.
func TestRunWaits(t *testing.T) {
	s := newSides(t)
	key := s.key("users", "")
	s.store(`INSERT INTO users FORMAT JSONEachRow {"id":"` + key + `","version":16,"is_deleted":1}`)
	s.stored.Kill()

	var said []string
	cfg := Config{Interval: 10 * time.Millisecond, Settle: 20 * time.Second, Deadline: 40 * time.Second}
	report, err := Run(t.Context(), cfg, s.deps(func(waitingFor string) {
		switch said = append(said, waitingFor); len(said) {
		case 2:
			s.stored.Restart()
		case 4:
			s.store("INSERT INTO users SELECT * REPLACE (24 AS version, 0 AS is_deleted) FROM users WHERE id = '" + key + "' AND NOT is_deleted")
		}
	}))
	require.NoError(t, err)
	assert.True(t, report.OK())
	all := strings.Join(said, "\n")
	assert.Contains(t, all, "connection refused")
	assert.Contains(t, all, "users differs in 1")
}

// Differences that nothing changes any more end the waiting before the deadline;
// a server that stays away ends it with its error.
func TestRunGivesUp(t *testing.T) {
	s := newSides(t)
	extraRow(s)
	started := time.Now()
	report, err := Run(t.Context(), Config{Interval: time.Millisecond, Settle: time.Second, Deadline: time.Hour}, s.deps(func(string) {}))
	require.NoError(t, err)
	assert.False(t, report.OK())
	assert.GreaterOrEqual(t, time.Since(started), time.Second)

	s.stored.Exec("DROP TABLE user_relationships")
	_, err = Run(t.Context(), quick(), s.deps(func(string) {}))
	require.ErrorIs(t, err, errNotMirrored)
	s.postgres.Kill()
	_, err = Run(t.Context(), quick(), s.deps(func(string) {}))
	require.ErrorContains(t, err, "connecting to PostgreSQL")
}

// Every bound of the configuration is checked, and all problems are named.
func TestConfigValidate(t *testing.T) {
	require.NoError(t, quick().Validate())
	err := Config{}.Validate()
	for _, name := range []string{"INTERVAL", "SETTLE", "DEADLINE"} {
		assert.ErrorContains(t, err, name)
	}
}
