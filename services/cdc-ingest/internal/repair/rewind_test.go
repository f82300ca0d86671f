package repair

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// minutes puts a record a minute on a partition of likes, from the year's first on.
func minutes(kafka *kafkatest.Cluster, partition, count int) {
	var records []kafkatest.Record
	for minute := range count {
		at := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
		records = append(records, kafkatest.Record{Topic: "cdc.likes", Partition: partition, Value: []byte("{}"), Time: at})
	}
	kafka.Produce(records...)
}

// Offsets go back to the time asked for, or to the first record there is, and never
// on: a partition that is further behind, that has no record as new, or that has no
// commit stays. Other tables stay, and so does everything in a dry run.
func TestRewind(t *testing.T) {
	kafka := startKafka(t)
	minutes(kafka, 0, 10)
	minutes(kafka, 1, 5)
	committed := func() map[int]int64 { return kafka.Committed(group, "cdc.likes") }
	kafka.Commit(group, "cdc.likes", map[int]int64{0: 9, 1: 4}, "")
	kafka.Commit(group, "cdc.posts", map[int]int64{0: 0}, "")

	out, _, err := call(t, "rewind", "--to", "2026-01-01T00:06:30Z", "--dry-run")
	require.NoError(t, err)
	assert.Contains(t, out, "cdc.likes/0: from 9 back to 7\ncdc.likes/1: stays at 4\n")
	assert.Contains(t, out, "cdc.posts/0: stays at 0\ncdc.posts/1: stays at its start, nothing is committed\n")
	assert.Equal(t, map[int]int64{0: 9, 1: 4}, committed())

	_, _, err = call(t, "rewind", "--to", "2026-01-01T00:06:30Z")
	require.NoError(t, err)
	assert.Equal(t, map[int]int64{0: 7, 1: 4}, committed())
	_, _, err = call(t, "rewind", "--to", "2026-01-01T00:08:00Z")
	require.NoError(t, err)
	assert.Equal(t, map[int]int64{0: 7, 1: 4}, committed(), "not on")

	kafka.Truncate("cdc.likes", 0, 2)
	_, _, err = call(t, "rewind", "--to", "earliest", "--table", "posts")
	require.NoError(t, err)
	assert.Equal(t, map[int]int64{0: 7, 1: 4}, committed())
	out, _, err = call(t, "rewind", "--to", "earliest", "--table", "likes")
	require.NoError(t, err)
	assert.Equal(t, "cdc.likes/0: from 7 back to 2\ncdc.likes/1: from 4 back to 0\n", out)
	assert.Equal(t, map[int]int64{0: 2, 1: 0}, committed())
}

// atWork is a group that has a member when it is asked for the first few times.
type atWork struct {
	Group

	asked int
}

func (g *atWork) Members(context.Context) (int, error) {
	g.asked--
	return max(0, min(1, g.asked)), nil
}

// A group at work is not set back; with time to wait for it, it is once its last
// member has left. One that has come back meanwhile is left alone.
func TestRewindOfAGroupAtWork(t *testing.T) {
	kafka := startKafka(t)
	minutes(kafka, 0, 10)
	kafka.Commit(group, "cdc.likes", map[int]int64{0: 9}, "")
	var progress []string
	say := func(line string) { progress = append(progress, line) }
	none := func(string) {}

	r := rewind{tables: table.All()}
	err := r.run(t.Context(), &atWork{Group: openGroup(t, kafka), asked: 2}, none, say)
	require.ErrorContains(t, err, "the group has 1 members: only a group without members can be set back")
	err = r.run(t.Context(), &joined{openGroup(t, kafka)}, none, say)
	require.ErrorContains(t, err, "cdc.likes: only a group without members can be set back")
	assert.Equal(t, map[int]int64{0: 9}, kafka.Committed(group, "cdc.likes"))

	r.wait = time.Minute
	require.NoError(t, r.run(t.Context(), &atWork{Group: openGroup(t, kafka), asked: 3}, none, say))
	assert.Equal(t, []string{"waiting: the group has 1 members"}, progress)
	assert.Equal(t, map[int]int64{0: 0}, kafka.Committed(group, "cdc.likes"))
}

// joined is a group that gets a member just before offsets are set.
type joined struct{ Group }

func (*joined) Set(context.Context, string, map[int]int64) error { return offsets.ErrMembers }

func openGroup(t *testing.T, kafka *kafkatest.Cluster) *offsets.Group {
	t.Helper()
	cluster, err := broker.Open(broker.Config{Brokers: kafka.Brokers, ClientID: "repair", DialTimeout: kafkatest.Patience, Timeout: kafkatest.Patience, SASL: broker.SASL{Mechanism: broker.None}})
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return offsets.New(cluster, group)
}
