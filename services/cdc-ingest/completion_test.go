package cdcingest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
)

const unchanged = "__debezium_unavailable_value"

// user is a change of the user number n.
func user(op string, n int, lsn uint64, name, bio string) cdctest.Record {
	id := fmt.Sprintf("11111111-0000-4000-8000-%012d", n)
	return cdctest.Change{Op: op, Table: "users", LSN: lsn, After: fmt.Sprintf(
		`{"id":%q,"username":%q,"display_name":"","bio":%q,"avatar_key":null,"is_verified":false,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`,
		id, name, bio)}.Record(id)
}

// A large value that an update did not change, and that its record lacks, is that of
// the row before: stored, in the same batch, or completed itself; read again, when
// merges have left only newer rows, it changes nothing. Without a row before, the
// record is a letter that says what helps, and the others go on.
func TestUnchangedLargeValues(t *testing.T) {
	text := strings.Repeat(`long "text" / \ 🌸 `, 1000)
	t.Setenv("DLQ_GUARD_MIN_LETTERS", "100")
	e := migrated(t)
	service := servicetest.Start(t)
	e.produce("users", user("c", 1, 800, "one", text), user("c", 4, 808, "four", "short"))
	e.awaitCommits("users")
	e.produce("users",
		user("u", 1, 816, "one_a", unchanged), user("u", 1, 824, "one_b", unchanged),
		user("c", 2, 832, "two", text+"2"), user("u", 2, 840, "two_a", unchanged),
		user("u", 3, 848, "three", unchanged), // of which nobody knows the row before
		user("u", 4, 856, "four_a", text+"4"), user("u", 4, 864, "four_b", unchanged),
	)
	e.awaitCommits("users")
	const seen = "SELECT username, cityHash64(bio) FROM users FINAL ORDER BY id"
	hash := func(more string) string {
		return e.clickhouse.Query("SELECT cityHash64('" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text+more) + "')")
	}
	want := "one_b\t" + hash("") + "\ntwo_a\t" + hash("2") + "\nfour_b\t" + hash("4")
	assert.Equal(t, want, e.clickhouse.Query(seen))
	require.Len(t, e.kafka.Records(letters), 1)
	letter, err := dlq.Decode(e.kafka.Records(letters)[0].Value)
	require.NoError(t, err)
	assert.Equal(t, "unchanged_toast", letter.ErrorClass)
	assert.Contains(t, letter.Error, `table users, LSN 848: `)
	assert.Contains(t, letter.Error, `column "bio", and no earlier row is stored: an incremental snapshot of users brings it`)

	service.Stop()
	e.clickhouse.Exec("OPTIMIZE TABLE users FINAL")
	e.readAgain("users")
	servicetest.Start(t)
	e.awaitCommits("users")
	assert.Equal(t, want, e.clickhouse.Query(seen))
}

// identityDefault is a follow's change as REPLICA IDENTITY DEFAULT sends it: an
// update without the old row, a delete with defaults in the place of its columns.
func identityDefault(op string, lsn uint64, now string) cdctest.Record {
	if op != "d" {
		return follow(op, lsn, "", now)
	}
	const id = "66666666-0000-4000-8000-000000000001"
	return cdctest.Change{Op: op, Table: "follows", LSN: lsn, Before: `{"id":"` + id + `","follower_id":"","following_id":"","created_at":"1970-01-01T00:00:00.000000Z"}`}.Record(id)
}

// Without the old row in the record, an update takes the follow out of its views
// under the stored key, and so does a delete, whether the row before is stored or of
// the same batch. Reading all of it again changes nothing.
func TestFollowsUnderDefaultIdentity(t *testing.T) {
	const a, b, c = "77777777-0000-4000-8000-000000000001", "77777777-0000-4000-8000-000000000002", "77777777-0000-4000-8000-000000000003"
	views := []string{"user_relationships", "user_relationships_current", "user_followers_current"}
	e := migrated(t)
	service := servicetest.Start(t)
	expect := func(want string) {
		t.Helper()
		e.awaitCommits("follows")
		for _, view := range views {
			assert.Equal(t, want, e.clickhouse.Query("SELECT followee_id FROM "+view+" FINAL WHERE status = 'active'"), view)
		}
	}
	e.produce("follows", identityDefault("c", 800, a))
	expect(a)
	e.produce("follows", identityDefault("u", 808, b))
	expect(b)
	e.produce("follows", identityDefault("u", 816, c), identityDefault("u", 824, a))
	expect(a)
	e.produce("follows", identityDefault("d", 832, ""))
	expect("")
	e.produce("follows", identityDefault("c", 840, b), identityDefault("d", 848, ""), identityDefault("c", 856, c))
	expect(c)

	service.Stop()
	e.readAgain("follows")
	servicetest.Start(t)
	expect(c)
	assert.Empty(t, e.kafka.Records(letters))
}

// A delete that says nothing of its row, of which nothing is stored, is a letter.
func TestDeleteOfAnUnknownFollow(t *testing.T) {
	e := migrated(t)
	servicetest.Start(t)
	e.produce("follows", identityDefault("d", 832, ""))
	e.awaitCommits("follows")
	require.Len(t, e.kafka.Records(letters), 1)
	letter, err := dlq.Decode(e.kafka.Records(letters)[0].Value)
	require.NoError(t, err)
	assert.Equal(t, "replica_identity", letter.ErrorClass)
	assert.Contains(t, letter.Error, "ALTER TABLE follows REPLICA IDENTITY FULL")
}
