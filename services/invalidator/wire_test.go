package invalidator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/kafkatest"
)

// The people of these tests.
const (
	author = 1 + iota
	fan
	friend // another follower of the author
	actor
	stranger
	aPost
	newcomer
)

func id(n int) uuid.UUID { return uuid.MustParse(fmt.Sprintf("10000000-0000-4000-8000-%012d", n)) }

// populated is migrated, with an author who has a post and two followers.
func populated(t *testing.T) environment {
	t.Helper()
	e := migrated(t)
	e.addPost(id(aPost), id(author))
	e.addFollow(id(fan), id(author))
	e.addFollow(id(friend), id(author))
	return e
}

// action is an event of the actor on the author's post, as JSON.
func action(name string) string {
	return fmt.Sprintf(`{"ts":%d,"user_id":%q,"post_id":%q,"action":%q}`, time.Now().UnixMilli(), id(actor), id(aPost), name)
}

// change is a change event as the connector writes it; "" is null.
func change(op, before, after string) string {
	orNull := func(row string) string {
		if row == "" {
			return "null"
		}
		return row
	}
	now := time.Now().UnixMilli()
	return fmt.Sprintf(`{"before":%s,"after":%s,"source":{"version":"3.6.3.Final","connector":"postgresql","name":"nova","ts_ms":%d,"snapshot":"false",`+
		`"db":"nova","sequence":"[null,\"800\"]","schema":"public","table":"t","txId":1,"lsn":800,"xmin":null},"transaction":null,"op":%q,"ts_ms":%d}`,
		orNull(before), orNull(after), now, op, now)
}

func postRow(post, author int) string {
	return fmt.Sprintf(`{"id":%q,"user_id":%q,"caption":null,"image_key":"i","status":"published"}`, id(post), id(author))
}

// followRow is a follow of the author.
func followRow(follower int) string {
	return fmt.Sprintf(`{"id":%q,"follower_id":%q,"following_id":%q}`, id(99), id(follower), id(author))
}

func likeRow(user int) string {
	return fmt.Sprintf(`{"id":%q,"user_id":%q,"post_id":%q}`, id(98), id(user), id(aPost))
}

// Each kind of change takes the pages of exactly those whose feeds it touches,
// also of pages that were written without the index, and is committed then.
func TestExactlyTheAffectedPagesGo(t *testing.T) {
	e := populated(t)
	service := e.runReading()
	all := []uuid.UUID{id(author), id(fan), id(friend), id(actor), id(stranger)}
	for _, test := range []struct {
		name, topic, value string
		gone               []int
	}{
		{"like event", "events", action("like"), []int{fan, friend, actor}},
		{"share event", "events", action("post_share"), []int{fan, friend, actor}},
		{"view event", "events", action("view"), nil},
		{"like", "cdc.likes", change("c", "", likeRow(actor)), []int{fan, friend, actor}},
		{"unlike", "cdc.likes", change("d", likeRow(actor), ""), []int{fan, friend, actor}},
		{"comment", "cdc.comments", change("c", "", likeRow(stranger)), []int{fan, friend, stranger}},
		{"post", "cdc.posts", change("c", "", postRow(newcomer, author)), []int{author, fan, friend}},
		{"post deleted", "cdc.posts", change("d", postRow(newcomer, author), ""), []int{author, fan, friend}},
		{"follow", "cdc.follows", change("c", "", followRow(actor)), []int{actor}},
		{"unfollow", "cdc.follows", change("d", followRow(fan), ""), []int{fan}},
		{"user", "cdc.users", change("u", "", fmt.Sprintf(`{"id":%q}`, id(author))), []int{fan, friend}},
		{"new user", "cdc.users", change("c", "", fmt.Sprintf(`{"id":%q}`, id(author))), nil},
		{"snapshot", "cdc.posts", change("r", "", postRow(newcomer, author)), nil},
	} {
		e.setPages(all...)
		e.produce(test.topic, test.value)
		e.awaitCommits()
		gone := map[uuid.UUID]bool{}
		for _, n := range test.gone {
			gone[id(n)] = true
		}
		for _, user := range all {
			assert.Equal(t, gone[user], !e.hasPage(user), "%s: %s", test.name, user)
		}
	}
	metrics := service.get("/metrics")
	for _, want := range []string{
		`cache_pages_invalidated_total{phase="sweep"} 25`,
		`cache_pages_invalidated_total{phase="index"} 0`,
		`invalidator_causes_total{kind="like"} 3`,
		`invalidator_records_ignored_total{kind="view"} 1`,
		`invalidator_records_ignored_total{kind="snapshot"} 1`,
		`cache_invalidation_lag_ms_count{phase="index"} 10`,
		`cache_invalidation_lag_ms_count{phase="sweep"} 10`,
	} {
		assert.Contains(t, metrics, want)
	}
	service.Stop()
}

// Pages that were written with the index go by it, all places of a user, without
// a sweep; an event in protobuf that names its author needs no post.
func TestIndexedPagesGo(t *testing.T) {
	t.Setenv("SWEEP_ENABLED", "false")
	e := populated(t)
	service := e.runReading()
	cache := e.cache()
	places := []feedcache.Place{{Offset: 0, Limit: 20}, {Offset: 20, Limit: 20}}
	for _, place := range places {
		for _, user := range []int{fan, stranger} {
			require.NoError(t, cache.Write(t.Context(), id(user), place, feedcache.Page{CachedAt: time.Now()}))
		}
	}
	e.setPages(id(friend)) // which no index knows
	like := event.Event{
		ID: uuid.New(), TimeMS: time.Now().UnixMilli(), Action: event.Like,
		UserID: id(actor), PostID: id(newcomer), AuthorID: id(author),
	}
	e.kafka.Produce(kafkatest.Record{
		Topic: "events", Partition: 1, Value: like.AppendProtobuf(nil),
		Headers: []kafkatest.Header{{Key: event.HeaderContentType, Value: []byte(event.ContentTypeProtobuf)}},
	})
	e.awaitCommits()
	for _, place := range places {
		_, found, err := cache.Read(t.Context(), id(fan), place)
		require.NoError(t, err)
		assert.False(t, found)
		_, found, err = cache.Read(t.Context(), id(stranger), place)
		require.NoError(t, err)
		assert.True(t, found)
	}
	assert.True(t, e.hasPage(id(friend)))
	assert.Contains(t, service.get("/metrics"), `cache_pages_invalidated_total{phase="index"} 2`)
	service.Stop()
}

// What cannot be read, and a post that nobody knows, hold up nothing: they are
// counted, and what follows them has its effect.
func TestUnreadableRecordsPass(t *testing.T) {
	e := populated(t)
	service := e.runReading()
	e.setPages(id(fan), id(actor))
	unknown := strings.ReplaceAll(action("like"), id(aPost).String(), id(newcomer).String())
	e.produce("events", "garbage", "", unknown)
	e.produce("cdc.follows", "{", change("d", `{"follower_id":"","following_id":""}`, ""), change("c", "", followRow(fan)))
	e.awaitCommits()
	assert.False(t, e.hasPage(id(fan)))
	assert.False(t, e.hasPage(id(actor)), "who did something is known without the post")
	metrics := service.get("/metrics")
	for _, want := range []string{
		`invalidator_records_undecodable_total{reason="syntax",topic="events"} 1`,
		`invalidator_records_undecodable_total{reason="empty",topic="events"} 1`,
		`invalidator_records_undecodable_total{reason="syntax",topic="cdc.follows"} 1`,
		`invalidator_records_undecodable_total{reason="column",topic="cdc.follows"} 1`,
		`invalidator_unknown_posts_total 1`,
	} {
		assert.Contains(t, metrics, want)
	}
	assert.Equal(t, 2, strings.Count(service.Logged(), "record cannot be read"), "one line for each topic")
	service.Stop()
}
