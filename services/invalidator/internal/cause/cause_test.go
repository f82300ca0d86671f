package cause_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/services/invalidator/internal/cause"
)

const (
	idA = "aaaaaaaa-0000-4000-8000-000000000001"
	idB = "bbbbbbbb-0000-4000-8000-000000000002"
	idC = "cccccccc-0000-4000-8000-000000000003"
	idD = "dddddddd-0000-4000-8000-000000000004"
	nul = "00000000-0000-0000-0000-000000000000"
)

const (
	committedMillis = 1795478451739
	kafkaMillis     = 1795478460000
)

// change is a record as Debezium 3.6 writes it; "" is null.
func change(topic, op, before, after string) consumer.Record {
	orNull := func(row string) string {
		if row == "" {
			return "null"
		}
		return row
	}
	return consumer.Record{Topic: topic, Time: time.UnixMilli(kafkaMillis), Value: fmt.Appendf(nil,
		`{"before":%s,"after":%s,"source":{"version":"3.6.3.Final","connector":"postgresql","name":"nova","ts_ms":%d,"snapshot":"false",`+
			`"db":"nova","sequence":"[\"26959832\",\"26959832\"]","schema":"public","table":"t","txId":786,"lsn":26959832,"xmin":null,"origin":null},`+
			`"transaction":null,"op":%q,"ts_ms":%d}`, orNull(before), orNull(after), committedMillis, op, kafkaMillis)}
}

// row is a JSON object of names and texts.
func row(pairs ...string) string {
	members := make([]string, 0, len(pairs)/2)
	for pair := range slices.Chunk(pairs, 2) {
		members = append(members, fmt.Sprintf("%q:%q", pair[0], pair[1]))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func ids(texts ...string) []uuid.UUID {
	all := []uuid.UUID{}
	for _, text := range texts {
		all = append(all, uuid.MustParse(text))
	}
	return all
}

// want is a Finding in short.
type want struct {
	kind                  cause.Kind
	users, authors, posts []string
	ignored               cause.Ignored
	reason                cause.Reason
	atKafka               bool
}

func check(t *testing.T, record consumer.Record, want want) {
	t.Helper()
	var reader cause.Reader
	found := reader.Read(&record)
	assert.Equal(t, want.ignored, found.Ignored)
	if want.reason == "" {
		assert.Nil(t, found.Problem)
	} else if assert.NotNil(t, found.Problem) {
		assert.Equal(t, want.reason, found.Problem.Reason, found.Problem.Err)
		assert.Error(t, found.Problem.Err)
	}
	if want.kind == "" {
		assert.Nil(t, found.Cause)
		return
	}
	require.NotNil(t, found.Cause)
	at := time.UnixMilli(committedMillis)
	if want.atKafka {
		at = time.UnixMilli(kafkaMillis)
	}
	assert.Equal(t, want.kind, found.Cause.Kind)
	assert.True(t, at.Equal(found.Cause.At), found.Cause.At)
	assert.ElementsMatch(t, ids(want.users...), found.Cause.Users, "users")
	assert.ElementsMatch(t, ids(want.authors...), found.Cause.Authors, "authors")
	assert.ElementsMatch(t, ids(want.posts...), found.Cause.Posts, "posts")
}

// Every change of a row names everyone whose pages it makes stale, of both rows
// of an update, and nobody else.
func TestChanges(t *testing.T) {
	like := func(user, post string) string {
		return row("id", idD, "post_id", post, "user_id", user, "created_at", "x")
	}
	post := func(author string) string { return row("id", idD, "user_id", author, "caption", "x") }
	follow := func(who, whom string) string { return row("id", idD, "follower_id", who, "following_id", whom) }
	user := func(id string) string { return row("id", id, "username", "x") }
	for name, test := range map[string]struct {
		topic, op, before, after string
		want                     want
	}{
		"like":                    {"cdc.likes", "c", "", like(idA, idB), want{kind: cause.Like, users: []string{idA}, posts: []string{idB}}},
		"like changed":            {"cdc.likes", "u", like(idA, idB), like(idA, idB), want{kind: cause.Like, users: []string{idA}, posts: []string{idB}}},
		"like to another post":    {"cdc.likes", "u", like(idA, idB), like(idA, idC), want{kind: cause.Like, users: []string{idA}, posts: []string{idB, idC}}},
		"like of another user":    {"cdc.likes", "u", like(idA, idB), like(idC, idB), want{kind: cause.Like, users: []string{idA, idC}, posts: []string{idB}}},
		"like without before":     {"cdc.likes", "u", "", like(idA, idB), want{kind: cause.Like, users: []string{idA}, posts: []string{idB}}},
		"unlike":                  {"cdc.likes", "d", like(idA, idB), "", want{kind: cause.Like, users: []string{idA}, posts: []string{idB}}},
		"comment":                 {"cdc.comments", "c", "", like(idA, idB), want{kind: cause.Comment, users: []string{idA}, posts: []string{idB}}},
		"comment changed":         {"cdc.comments", "u", like(idA, idB), like(idA, idB), want{kind: cause.Comment, users: []string{idA}, posts: []string{idB}}},
		"comment deleted":         {"cdc.comments", "d", like(idA, idB), "", want{kind: cause.Comment, users: []string{idA}, posts: []string{idB}}},
		"post":                    {"cdc.posts", "c", "", post(idA), want{kind: cause.Post, users: []string{idA}, authors: []string{idA}}},
		"post changed":            {"cdc.posts", "u", post(idA), post(idA), want{kind: cause.Post, users: []string{idA}, authors: []string{idA}}},
		"post of another author":  {"cdc.posts", "u", post(idA), post(idB), want{kind: cause.Post, users: []string{idA, idB}, authors: []string{idA, idB}}},
		"post deleted":            {"cdc.posts", "d", post(idA), "", want{kind: cause.Post, users: []string{idA}, authors: []string{idA}}},
		"follow":                  {"cdc.follows", "c", "", follow(idA, idB), want{kind: cause.Follow, users: []string{idA}}},
		"follow of somebody else": {"cdc.follows", "u", follow(idA, idB), follow(idA, idC), want{kind: cause.Follow, users: []string{idA}}},
		"follow by somebody else": {"cdc.follows", "u", follow(idA, idB), follow(idC, idB), want{kind: cause.Follow, users: []string{idA, idC}}},
		"unfollow":                {"cdc.follows", "d", follow(idA, idB), "", want{kind: cause.Follow, users: []string{idA}}},
		"user":                    {"cdc.users", "c", "", user(idA), want{ignored: "new_user"}},
		"user changed":            {"cdc.users", "u", "", user(idA), want{kind: cause.User, authors: []string{idA}}},
		"user deleted":            {"cdc.users", "d", user(idA), "", want{kind: cause.User, authors: []string{idA}}},
		"snapshot of a like":      {"cdc.likes", "r", "", like(idA, idB), want{ignored: "snapshot"}},
		"snapshot of a user":      {"cdc.users", "r", "", user(idA), want{ignored: "snapshot"}},
		"truncate":                {"cdc.likes", "t", "", "", want{ignored: "truncate"}},
		"message":                 {"cdc.likes", "m", "", "", want{ignored: "message"}},
		"delete without identity": {"cdc.follows", "d", follow("", ""), "", want{reason: cause.ReasonColumn}},
		"zero user":               {"cdc.likes", "c", "", like(nul, idB), want{reason: cause.ReasonColumn}},
		"zero post":               {"cdc.likes", "c", "", like(idA, nul), want{reason: cause.ReasonColumn}},
		"column missing":          {"cdc.posts", "c", "", row("id", idA), want{reason: cause.ReasonColumn}},
		"user without an id":      {"cdc.users", "u", "", row("username", idA), want{reason: cause.ReasonColumn}},
		"column not a UUID":       {"cdc.posts", "c", "", `{"user_id":7}`, want{reason: cause.ReasonColumn}},
		"null":                    {"cdc.posts", "c", "", `{"user_id":null}`, want{reason: cause.ReasonColumn}},
		"only after is whole":     {"cdc.follows", "u", follow("", ""), follow(idA, idB), want{kind: cause.Follow, users: []string{idA}, reason: cause.ReasonColumn}},
		"only before is whole":    {"cdc.likes", "u", like(idA, idB), like(idC, nul), want{kind: cause.Like, users: []string{idA}, posts: []string{idB}, reason: cause.ReasonColumn}},
		"unknown op":              {"cdc.likes", "x", "", like(idA, idB), want{reason: cause.ReasonEnvelope}},
		"create without after":    {"cdc.likes", "c", like(idA, idB), "", want{reason: cause.ReasonEnvelope}},
		"topic of something else": {"cdc.other", "c", "", like(idA, idB), want{reason: cause.ReasonTopic}},
	} {
		t.Run(name, func(t *testing.T) { check(t, change(test.topic, test.op, test.before, test.after), test.want) })
	}
}

// What is on a cdc topic beside changes is told apart from what is broken.
func TestOtherRecords(t *testing.T) {
	for name, test := range map[string]struct {
		value []byte
		want  want
	}{
		"tombstone":   {nil, want{ignored: "tombstone"}},
		"heartbeat":   {[]byte(`{"ts_ms":1795478451853}`), want{ignored: "heartbeat"}},
		"transaction": {[]byte(`{"status":"END","id":"786:1","event_count":1,"data_collections":[],"ts_ms":1}`), want{ignored: "transaction"}},
		"empty":       {[]byte{}, want{reason: cause.ReasonSyntax}},
		"garbage":     {[]byte("not \x00 JSON"), want{reason: cause.ReasonSyntax}},
		"flattened":   {[]byte(row("id", idA, "user_id", idB)), want{reason: cause.ReasonFlattened}},
		"no op":       {[]byte(`{"before":null,"after":{}}`), want{reason: cause.ReasonEnvelope}},
	} {
		t.Run(name, func(t *testing.T) { check(t, consumer.Record{Topic: "cdc.posts", Value: test.value}, test.want) })
	}
}

// The schema wrapper around an envelope changes nothing, and a change without a
// commit time is as old as its record.
func TestWrappedChange(t *testing.T) {
	wrapped := change("cdc.users", "u", "", row("id", idA))
	wrapped.Value = fmt.Appendf(nil, `{"schema":{"type":"struct"},"payload":%s}`, wrapped.Value)
	check(t, wrapped, want{kind: cause.User, authors: []string{idA}})

	check(t, consumer.Record{Topic: "cdc.users", Time: time.UnixMilli(kafkaMillis), Value: []byte(`{"op":"u","source":{"ts_ms":null},"after":{"id":"` + idA + `"}}`)},
		want{kind: cause.User, authors: []string{idA}, atKafka: true})
}

// Likes, comments and shares name their user and the author, or else the post
// whose author is to be looked up; views, impressions and actions of a newer schema
// name nobody.
func TestEvents(t *testing.T) {
	for action, expected := range map[event.Action]want{
		event.Like:       {kind: cause.Like},
		event.Comment:    {kind: cause.Comment},
		event.Share:      {kind: cause.Share},
		event.View:       {ignored: "view"},
		event.Impression: {ignored: "impression"},
		event.Action(9):  {ignored: "unknown_action"},
	} {
		e := event.Event{
			ID: uuid.MustParse(idD), TimeMS: committedMillis, Action: action,
			UserID: uuid.MustParse(idA), PostID: uuid.MustParse(idB),
		}
		expected.atKafka = true
		expected.users, expected.posts = []string{idA}, []string{idB}
		check(t, protobuf(e), expected)
		e.AuthorID = uuid.MustParse(idC)
		expected.authors, expected.posts = []string{idC}, nil
		check(t, protobuf(e), expected)
	}
}

func protobuf(e event.Event) consumer.Record {
	return consumer.Record{
		Topic: "events", Time: time.UnixMilli(kafkaMillis), Value: e.AppendProtobuf(nil),
		Headers: []consumer.Header{{Key: "content-type", Value: []byte("application/x-protobuf")}},
	}
}

// An event is read as what its content type says, and without one as JSON.
func TestEventForms(t *testing.T) {
	like := []byte(`{"ts":1795478451739,"user_id":"` + idA + `","post_id":"` + idB + `","action":"post_like"}`)
	liked := want{kind: cause.Like, users: []string{idA}, posts: []string{idB}, atKafka: true}
	for name, test := range map[string]struct {
		contentType string
		value       []byte
		want        want
	}{
		"no content type":      {"", like, liked},
		"JSON":                 {"application/json", like, liked},
		"JSON with a charset":  {"application/json; charset=utf-8", like, liked},
		"another content type": {"text/plain", like, want{reason: cause.ReasonContentType}},
		"bad content type":     {"//", like, want{reason: cause.ReasonContentType}},
		"JSON as protobuf":     {"application/x-protobuf", like, want{reason: cause.ReasonSyntax}},
		"no value":             {"", nil, want{reason: cause.ReasonEmpty}},
		"no JSON":              {"", []byte("{"), want{reason: cause.ReasonSyntax}},
		"no user":              {"", []byte(`{"ts":1,"post_id":"` + idB + `","action":"like"}`), want{reason: cause.ReasonInvalid}},
		"zero user":            {"", []byte(`{"ts":1,"user_id":"` + nul + `","post_id":"` + idB + `","action":"like"}`), want{reason: cause.ReasonInvalid}},
	} {
		t.Run(name, func(t *testing.T) {
			record := consumer.Record{Topic: "events", Value: test.value, Time: time.UnixMilli(kafkaMillis)}
			if test.contentType != "" {
				record.Headers = []consumer.Header{{Key: "content-type", Value: []byte("other")}, {Key: "content-type", Value: []byte(test.contentType)}}
			}
			check(t, record, test.want)
		})
	}
}

// Nothing of a record is left in what is read of the next.
func TestReaderForgets(t *testing.T) {
	var reader cause.Reader
	like := change("cdc.likes", "c", "", row("user_id", idA, "post_id", idB))
	require.NotNil(t, reader.Read(&like).Cause)
	follow := change("cdc.follows", "c", "", row("follower_id", idC))
	found := reader.Read(&follow)
	require.NotNil(t, found.Cause)
	assert.Equal(t, cause.Cause{Kind: cause.Follow, At: time.UnixMilli(committedMillis), Users: ids(idC), Authors: []uuid.UUID{}, Posts: []uuid.UUID{}}, withoutNil(found.Cause))
}

func withoutNil(c *cause.Cause) cause.Cause {
	return cause.Cause{
		Kind: c.Kind, At: c.At,
		Users: append([]uuid.UUID{}, c.Users...), Authors: append([]uuid.UUID{}, c.Authors...), Posts: append([]uuid.UUID{}, c.Posts...),
	}
}
