package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

// What a user does by hand with `make up` works, with real Debezium: changes by
// psql and events by curl show in ClickHouse within seconds, a repeated request
// stays one row, no private column arrives, stale feed pages go, trending is
// served with ClickHouse and without, every part may be killed, data outlives a
// restart, and `make down` leaves no process.
func TestByHand(t *testing.T) {
	s := newStack(t)
	s.Run(t, "up")
	s.LoadVars(t)

	t.Run("changes by psql", func(t *testing.T) { testChanges(t, s) })
	t.Run("events by curl", func(t *testing.T) { testEvents(t, s) })
	t.Run("views", func(t *testing.T) { testViews(t, s) })
	t.Run("feed pages", func(t *testing.T) { testFeedPages(t, s) })
	t.Run("trending", func(t *testing.T) { testTrending(t, s) })
	t.Run("job definitions", func(t *testing.T) { testJobDefinitions(t, s) })
	t.Run("ClickHouse stopped", func(t *testing.T) { testStale(t, s) })
	for _, part := range []string{"clickhouse", "cdc-ingest", "events-ingest", "redis"} {
		t.Run("kill -9 of "+part, func(t *testing.T) { testKill(t, s, part) })
	}
	t.Run("down and up", func(t *testing.T) { testRestart(t, s) })
}

const showWithin, eventWithin = 5 * time.Second, 3 * time.Second

// sample is a user and a post of theirs.
type sample struct{ user, post string }

func insertSample(t *testing.T, s *stack, name string) sample {
	t.Helper()
	row := sample{user: uuid.NewString(), post: uuid.NewString()}
	s.Postgres(t,
		fmt.Sprintf(`INSERT INTO users (id, email, username, display_name, password_hash) VALUES ('%s', '%s@private.example', '%s', 'Ada', 'private-hash')`, row.user, name, name),
		fmt.Sprintf(`INSERT INTO posts (id, user_id, caption, image_key) VALUES ('%s', '%s', 'first light', 'img/1.jpg')`, row.post, row.user))
	return row
}

func testChanges(t *testing.T, s *stack) {
	t.Helper()
	row := insertSample(t, s, "ada")
	query := fmt.Sprintf("SELECT caption, status FROM posts FINAL WHERE id = '%s'", row.post)
	s.AwaitRows(t, showWithin, query, "first light\tpublished")
	s.AwaitRows(t, showWithin, fmt.Sprintf("SELECT username, display_name FROM users FINAL WHERE id = '%s'", row.user), "ada\tAda")

	s.Postgres(t, fmt.Sprintf(`UPDATE posts SET caption = 'second light', status = 'archived' WHERE id = '%s'`, row.post))
	s.AwaitRows(t, showWithin, query, "second light\tarchived")

	s.Postgres(t, fmt.Sprintf(`DELETE FROM posts WHERE id = '%s'`, row.post))
	s.AwaitRows(t, showWithin, query, "")
	s.AwaitRows(t, showWithin, fmt.Sprintf("SELECT count() FROM posts WHERE id = '%s' AND is_deleted AND (caption != '' OR image_key != '')", row.post), "0")

	for _, topic := range []string{"cdc.users", "cdc.posts"} {
		s.AwaitCommitted(t, "nova-cdc-ingest", topic)
	}
}

func eventBody(row sample, action string) (id, body string) {
	id = uuid.NewString()
	return id, fmt.Sprintf(`{"events":[{"event_id":%q,"ts":%d,"user_id":%q,"post_id":%q,"action":%q,"device":"test"}]}`,
		id, time.Now().UnixMilli(), row.user, row.post, action)
}

func testEvents(t *testing.T, s *stack) {
	t.Helper()
	row := insertSample(t, s, "grace")
	id, body := eventBody(row, "like")
	query := fmt.Sprintf("SELECT count(), any(event_type) FROM post_events WHERE event_id = '%s'", id)
	for range 2 {
		status, answer, err := stacktest.Post(s.Vars["EVENTS_URL"]+"/v1/events", "application/json", body)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, status, answer)
		require.JSONEq(t, `{"success":true,"count":1}`, answer)
		s.AwaitRows(t, eventWithin, query, "1\tpost_like")
	}
	s.AwaitCommitted(t, "nova-events-ingest", "events")
	s.AwaitRows(t, eventWithin, query, "1\tpost_like")

	status, answer, err := stacktest.Post(s.Vars["EVENTS_URL"]+"/events", "application/json", `{"events":[{"action":"stare"}]}`)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, status, answer)
}

func testViews(t *testing.T, s *stack) {
	t.Helper()
	follower, followee := insertSample(t, s, "follower"), insertSample(t, s, "followee")
	s.Postgres(t, fmt.Sprintf(`INSERT INTO follows (follower_id, following_id) VALUES ('%s', '%s')`, follower.user, followee.user))
	following := fmt.Sprintf("SELECT followee_id FROM user_relationships_current FINAL WHERE follower_id = '%s'", follower.user)
	followers := fmt.Sprintf("SELECT follower_id FROM user_followers_current FINAL WHERE followee_id = '%s'", followee.user)
	s.AwaitRows(t, showWithin, following, followee.user)
	s.AwaitRows(t, showWithin, followers, follower.user)
	s.Postgres(t, fmt.Sprintf(`DELETE FROM follows WHERE follower_id = '%s'`, follower.user))
	s.AwaitRows(t, showWithin, following, "")
	s.AwaitRows(t, showWithin, followers, "")

	for range 3 {
		_, body := eventBody(followee, "view")
		status, answer, err := stacktest.Post(s.Vars["EVENTS_URL"]+"/v1/events", "application/json", body)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, status, answer)
	}
	for _, view := range []string{"post_engagement_hourly", "post_engagement_minutely"} {
		s.AwaitRows(t, eventWithin, fmt.Sprintf("SELECT sum(views), sum(likes) FROM %s WHERE post_id = '%s'", view, followee.post), "3\t0")
	}
}

// testKill: what is sent while a part is dead shows once it is back.
func testKill(t *testing.T, s *stack, part string) {
	t.Helper()
	row := insertSample(t, s, "before_"+part[:3])
	s.Kill(t, part)
	during := insertSample(t, s, "during_"+part[:3])
	id, body := eventBody(row, "share")
	stacktest.Await(t, time.Minute, func() bool {
		status, _, err := stacktest.Post(s.Vars["EVENTS_URL"]+"/v1/events", "application/json", body)
		return err == nil && status == http.StatusAccepted
	}, func() string { return "the events API does not accept" })
	s.AwaitRows(t, time.Minute, fmt.Sprintf("SELECT count() FROM posts FINAL WHERE id IN ('%s', '%s')", row.post, during.post), "2")
	s.AwaitRows(t, time.Minute, fmt.Sprintf("SELECT count() FROM post_events FINAL WHERE event_id = '%s'", id), "1")
}

func testRestart(t *testing.T, s *stack) {
	t.Helper()
	row := insertSample(t, s, "kept")
	query := fmt.Sprintf("SELECT count() FROM posts FINAL WHERE id = '%s'", row.post)
	s.AwaitRows(t, showWithin, query, "1")
	s.Run(t, "down")
	require.Empty(t, s.Processes(t))
	s.Run(t, "up")
	s.AwaitRows(t, showWithin, query, "1")
	after := insertSample(t, s, "after")
	s.AwaitRows(t, showWithin, fmt.Sprintf("SELECT count() FROM posts FINAL WHERE id = '%s'", after.post), "1")
	s.Run(t, "down")
	require.Empty(t, s.Processes(t))
}
