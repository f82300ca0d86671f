package schema

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// migrated returns a server with the whole schema, and a pool on it.
func migrated(t *testing.T) (*chtest.Server, *clickhouse.Pool) {
	t.Helper()
	server, m := start(t)
	_, err := m.Apply(t.Context())
	require.NoError(t, err)
	return server, m.pool
}

// eventBlock is post_events as a writer fills it.
type eventBlock struct {
	block     *block.Block
	eventID   *block.UUIDColumn
	eventType *block.LowCardinalityColumn
	eventTime *block.DateTimeColumn
	postID    *block.UUIDColumn
	dwell     *block.Fixed[uint32]
}

func newEventBlock() eventBlock {
	e := eventBlock{
		eventID: block.UUID("event_id"), eventType: block.LowCardinality("event_type"),
		eventTime: block.DateTime64Milli("event_time"), postID: block.UUID("post_id"), dwell: block.UInt32("dwell_ms"),
	}
	e.block = block.New(e.eventID, e.eventType, e.eventTime, e.postID, e.dwell,
		block.UUID("user_id"), block.NullableUUID("author_id"), block.LowCardinality("device"), block.LowCardinality("app_ver"), block.String("device_id"),
		block.Map("attributes"), block.LowCardinality("topic"), block.UInt32("partition"), block.UInt64("offset"), block.DateTime64Milli("ingested_at"))
	return e
}

func (e eventBlock) append(number byte, kind string, at time.Time, dwell uint32) {
	const filled = 5
	e.eventID.Append([16]byte{15: number})
	e.eventType.Append(kind)
	e.eventTime.AppendMillis(at.UnixMilli())
	e.postID.Append([16]byte{15: 1})
	e.dwell.Append(dwell)
	for _, column := range e.block.Columns()[filled:] {
		column.AppendDefault()
	}
}

// TestEventsShowInBothSums holds that an event is in the hourly and in the
// minutely view at once, in its own hour and minute, that impressions add
// nothing, and how the score is made.
func TestEventsShowInBothSums(t *testing.T) {
	server, pool := migrated(t)
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(-time.Hour)
	events := newEventBlock()
	events.append(1, "post_view", at, 100)
	events.append(2, "post_view", at.Add(30*time.Second), 50)
	events.append(3, "post_like", at.Add(time.Minute), 0)
	events.append(4, "post_comment", at.Add(time.Minute), 0)
	events.append(5, "post_share", at.Add(59*time.Minute+59*time.Second+999*time.Millisecond), 0)
	events.append(6, "post_impression", at, 7)
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "post_events", Block: events.block}))

	assert.Equal(t, "6", server.Query("SELECT count() FROM post_events FINAL"))
	const sums = "toUnixTimestamp(%), post_id, sum(views), sum(likes), sum(comments), sum(shares), sum(dwell), round(sum(score), 3)"
	const post = "\t00000000-0000-0000-0000-000000000001\t"
	start := at.Format("15:04:05")
	require.Equal(t, "23:00:00", start)
	query := func(table, unit string) string {
		return server.Query("SELECT " + strings.Replace(sums, "%", unit, 1) + " FROM " + table + " GROUP BY ALL ORDER BY 1")
	}
	second := at.Unix()
	assert.Equal(t, decimal(second)+post+"2\t1\t1\t1\t150\t10.2", query("post_engagement_hourly", "hour"))
	assert.Equal(t, strings.Join([]string{
		decimal(second) + post + "2\t0\t0\t0\t150\t0.2",
		decimal(second+60) + post + "0\t1\t1\t0\t0\t5",
		decimal(second+59*60) + post + "0\t0\t0\t1\t0\t5",
	}, "\n"), query("post_engagement_minutely", "minute"))
}

// TestEventOfTheFutureCountsNowhere holds that an event whose action is not known
// here is stored, and that of the sums only dwell, which all actions but impressions
// have in common, has it.
func TestEventOfTheFutureCountsNowhere(t *testing.T) {
	server, pool := migrated(t)
	events := newEventBlock()
	events.append(1, "post_view", time.Now(), 100)
	events.append(2, "post_action_9", time.Now(), 20)
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "post_events", Block: events.block}))
	assert.Equal(t, "post_action_9\npost_view", server.Query("SELECT event_type FROM post_events FINAL ORDER BY 1"))
	for _, view := range []string{"post_engagement_hourly", "post_engagement_minutely"} {
		assert.Equal(t, "1\t0\t0\t0\t120\t0.1", server.Query(
			"SELECT sum(views), sum(likes), sum(comments), sum(shares), sum(dwell), sum(score) FROM "+view), view)
	}
}

// TestEqualBlocksCountTwice holds that plain inserts are not de-duplicated: two
// blocks of equal content are two blocks, in the views as well.
func TestEqualBlocksCountTwice(t *testing.T) {
	server, pool := migrated(t)
	events := newEventBlock()
	events.append(1, "post_like", time.Now(), 0)
	for range 2 {
		require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "post_events", Block: events.block}))
	}
	assert.Equal(t, "2", server.Query("SELECT count() FROM post_events"))
	assert.Equal(t, "1", server.Query("SELECT count() FROM post_events FINAL"))
	assert.Equal(t, "2\t2", server.Query("SELECT (SELECT sum(likes) FROM post_engagement_hourly), (SELECT sum(likes) FROM post_engagement_minutely)"))
}

// TestBlockSpansMonths holds that a block of events from many months is stored
// by one INSERT, whatever max_partitions_per_insert_block says.
func TestBlockSpansMonths(t *testing.T) {
	server, pool := migrated(t)
	events := newEventBlock()
	for month := range 12 {
		events.append(byte(month), "post_view", time.Now().UTC().AddDate(0, -month, -month), 1)
	}
	require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "post_events", Block: events.block}))
	assert.Equal(t, "12\t12", server.Query("SELECT (SELECT count() FROM post_events), (SELECT sum(views) FROM post_engagement_hourly)"))
}

// TestRelationshipsFollowTheirRows holds that follow, unfollow and follow again
// leave exactly the last in both views under FINAL, in whatever order the rows
// are stored, and that the unfollow takes away the row which it ends, not the
// newer one of the same pair.
func TestRelationshipsFollowTheirRows(t *testing.T) {
	type row struct {
		id, status string
		version    uint64
		isDeleted  uint8
	}
	follow := row{"00000000-0000-0000-0000-00000000000a", "active", 82, 0}
	unfollow := row{"00000000-0000-0000-0000-00000000000a", "deleted", 161, 1}
	again := row{"00000000-0000-0000-0000-00000000000b", "active", 242, 0}
	orders := [][]row{{follow, unfollow, again}, {again, unfollow, follow}, {unfollow, follow, again, unfollow}, {follow, again, unfollow, follow}}
	for _, order := range orders {
		server, pool := migrated(t)
		for i, one := range order {
			id, follower, followee := block.UUID("id"), block.UUID("follower_id"), block.UUID("followee_id")
			status, created := block.LowCardinality("status"), block.DateTime64Micro("created_at")
			version, deleted := block.UInt64("version"), block.UInt8("is_deleted")
			require.NoError(t, id.AppendText([]byte(one.id)))
			follower.Append([16]byte{15: 1})
			followee.Append([16]byte{15: 2})
			status.Append(one.status)
			created.AppendDefault()
			version.Append(one.version)
			deleted.Append(one.isDeleted)
			rows := block.New(id, follower, followee, status, created, version, deleted)
			require.NoError(t, pool.Insert(t.Context(), clickhouse.Insert{Table: "user_relationships", Block: rows}), i)
		}
		for _, table := range []string{"user_relationships", "user_relationships_current", "user_followers_current"} {
			assert.Equal(t, again.id+"\tactive", server.Query("SELECT id, status FROM "+table+" FINAL"), table)
			server.Exec("OPTIMIZE TABLE " + table + " FINAL")
			assert.Equal(t, again.id+"\tactive", server.Query("SELECT id, status FROM "+table+" FINAL"), table+", merged")
		}
	}
}

// TestWaitSaysWhatItWaitsFor holds that a service waits for its version, without
// an error and with the reason in its log, until the migration comes.
func TestWaitSaysWhatItWaitsFor(t *testing.T) {
	_, m := start(t)
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	waited := make(chan error, 1)
	go func() { waited <- Wait(t.Context(), m.pool, Latest(), log) }()
	_, err := m.Apply(t.Context())
	require.NoError(t, err)
	require.NoError(t, <-waited)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, Wait(ctx, m.pool, Latest()+1, log), context.DeadlineExceeded)
	assert.Contains(t, said.String(), "the database has version "+strconv.Itoa(Latest()))

	said.Reset()
	unreachable := openPool(t, "127.0.0.1:1")
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, Wait(ctx, unreachable, 1, log), context.DeadlineExceeded)
	assert.Contains(t, said.String(), "connecting")
}
