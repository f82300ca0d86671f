package repair

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
)

// The offsets of a connector that is in its initial snapshot, and of one that streams.
const (
	snapshotting = `{"offsets":[{"partition":{"server":"nova2"},"offset":{"snapshot":"INITIAL","snapshot_completed":false,"lsn":27158848}}]}`
	streaming    = `{"offsets":[{"partition":{"server":"nova2"},"offset":{"lsn_proc":27159568,"messageType":"INSERT","lsn":27159568}}]}`
)

// repaired is an installation whose tables are repaired by the new prefix nova2: of
// three likes and follows each, the snapshot has brought one.
type repaired struct {
	*testing.T
	kafka      *kafkatest.Cluster
	clickhouse *chtest.Server
	offsets    string
}

func newRepaired(t *testing.T) *repaired {
	t.Helper()
	r := &repaired{T: t, kafka: startKafka(t), clickhouse: chtest.Start(t), offsets: streaming}
	servicetest.Migrate(t, r.clickhouse.Addr)
	t.Setenv("CLICKHOUSE_ADDR", r.clickhouse.Addr)
	t.Setenv("CDC_EPOCHS", "nova:0,nova2:1")
	startConnect(t, func(path string) string {
		return map[string]string{"/connectors/nova2/offsets": r.offsets}[path]
	})
	const uuid = "toUUID('00000000-0000-4000-8000-00000000000' || toString(number + 1))"
	for _, version := range []string{"number * 8 + 802 FROM numbers(3)", "bitShiftLeft(toUInt64(1), 56) + 1 FROM numbers(1)"} {
		r.clickhouse.Exec("INSERT INTO likes (id, version) SELECT " + uuid + ", " + version)
		r.clickhouse.Exec("INSERT INTO user_relationships (id, follower_id, followee_id, status, version) SELECT " +
			uuid + ", " + uuid + ", " + uuid + ", 'active', " + version)
	}
	return r
}

func (r *repaired) left() string {
	r.Helper()
	var left []string
	for _, from := range []string{"likes", "user_relationships WHERE status = 'active'", "user_relationships_current WHERE status = 'active'", "user_followers_current WHERE status = 'active'"} {
		name, condition, _ := strings.Cut(from, " ")
		left = append(left, r.clickhouse.Query("SELECT count() FROM "+name+" FINAL "+condition))
	}
	return strings.Join(left, " ")
}

// A new prefix gets the topics that are its own, with the settings of the first one's;
// doing it again changes nothing.
func TestEpochBegin(t *testing.T) {
	kafka := startKafka(t)
	for range 2 {
		out, _, err := call(t, "epoch", "begin", "--prefix", "nova2")
		require.NoError(t, err)
		assert.Contains(t, out, "topic __debezium-heartbeat.nova2 is there\ntopic nova2.transaction is there\ntopic nova2.message is there\n")
		assert.Contains(t, out, "next: give cdc-ingest CDC_EPOCHS=nova2:1,nova:0\n")
		assert.Len(t, kafka.Ends("__debezium-heartbeat.nova2"), 1)
	}
	t.Setenv("CDC_EPOCHS", "nova2:1,nova:0")
	out, _, err := call(t, "epoch", "begin", "--prefix", "nova2")
	require.NoError(t, err)
	assert.NotContains(t, out, "next: ")
}

// The end of an epoch deletes what older ones have left and its snapshot has not
// brought, in views too, once the operator has seen how much that is; doing it again
// changes nothing.
func TestEpochFinish(t *testing.T) {
	r := newRepaired(t)
	out, _, err := call(t, "epoch", "finish", "--prefix", "nova2")
	require.ErrorIs(t, err, errUnconfirmed)
	assert.Contains(t, out, "likes: 2 rows of older epochs go, 1 rows of epoch 1 stay\n")
	assert.Contains(t, out, "user_relationships: 2 rows of older epochs go, 1 rows of epoch 1 stay\n")
	assert.Equal(t, "3 3 3 3", r.left())

	out, progress, err := call(t, "epoch", "finish", "--prefix", "nova2", "--yes")
	require.NoError(t, err)
	assert.Contains(t, out, "likes: 2 rows cleared\nuser_relationships: 2 rows cleared\n")
	assert.Contains(t, progress, "likes: clearing\n")
	assert.Equal(t, "1 1 1 1", r.left())
	assert.Equal(t, "5\t72057594037927936", r.clickhouse.Query("SELECT count(), max(version) FROM cdc_truncates FINAL"))

	out, _, err = call(t, "epoch", "finish", "--prefix", "nova2", "--yes")
	require.NoError(t, err)
	assert.Contains(t, out, "likes: 0 rows cleared\n")
	assert.Equal(t, "1 1 1 1", r.left())
}

// Nothing is deleted while the snapshot is not done, is not stored, or has brought
// nothing of a table that the operator has not named.
func TestEpochIsNotFinished(t *testing.T) {
	r := newRepaired(t)
	finish := func(more ...string) error {
		_, _, err := call(t, append([]string{"epoch", "finish", "--prefix", "nova2", "--yes", "--wait", "1500ms"}, more...)...)
		return err
	}
	r.offsets = snapshotting
	require.ErrorContains(t, finish(), "the snapshot of connector nova2 is not done")
	r.offsets = `{"offsets":[]}`
	require.ErrorContains(t, finish(), "connector nova2 has stored no offset yet")
	r.offsets = streaming

	r.kafka.Produce(kafkatest.Record{Topic: "cdc.likes", Partition: 1, Value: []byte("{}")})
	require.ErrorContains(t, finish(), "waiting until cdc-ingest has stored the snapshot: ")
	r.kafka.Commit(group, "cdc.likes", map[int]int64{0: 0, 1: 1}, "")

	r.clickhouse.Exec("INSERT INTO posts (id, version) VALUES ('00000000-0000-4000-8000-000000000001', 802)")
	require.ErrorContains(t, finish(), "posts has no row of epoch 1, so all of its rows would go: if posts is empty in PostgreSQL, say so with --table posts")
	assert.Equal(t, "3 3 3 3", r.left())
	require.NoError(t, finish("--table", "posts"))
	assert.Equal(t, "0", r.clickhouse.Query("SELECT count() FROM posts FINAL"))
	assert.Equal(t, "3 3 3 3", r.left())

	t.Setenv("CDC_EPOCHS", "nova2:0")
	require.ErrorContains(t, finish(), "nova2 has epoch 0, and no epoch is older")
}
