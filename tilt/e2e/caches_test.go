package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

const (
	likeWithin     = 3 * time.Second
	postWithin     = 5 * time.Second
	trendingWithin = time.Minute
	jobWithin      = 10 * time.Second
)

// redis runs redis-cli as a user does.
func (s *stack) redis(t *testing.T, args ...string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Vars["REDIS_ADDR"])
	require.NoError(t, err)
	output, err := exec.CommandContext(t.Context(), "redis-cli", append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	require.NoError(t, err, string(output))
	return strings.TrimSpace(string(output))
}

func feedKey(user string) string { return "feed:v1:" + user + ":0:20" }

// putPage writes a page as a service without the library does.
func (s *stack) putPage(t *testing.T, user string) {
	t.Helper()
	require.Equal(t, "OK", s.redis(t, "set", feedKey(user), `{"post_ids":[],"total_count":0,"cached_at":1}`))
}

func (s *stack) awaitPageGone(t *testing.T, within time.Duration, user string) {
	t.Helper()
	stacktest.Await(t, within, func() bool { return s.redis(t, "exists", feedKey(user)) == "0" },
		func() string { return "the page of " + user + " is still there" })
}

func (s *stack) accept(t *testing.T, body string) {
	t.Helper()
	status, answer, err := stacktest.Post(s.Vars["EVENTS_URL"]+"/v1/events", "application/json", body)
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, status, answer)
}

// follow lets one sample user follow another, and returns when ClickHouse shows
// it.
func (s *stack) follow(t *testing.T, follower, followee sample) {
	t.Helper()
	s.Postgres(t, fmt.Sprintf(`INSERT INTO follows (follower_id, following_id) VALUES ('%s', '%s')`, follower.user, followee.user))
	s.AwaitRows(t, showWithin, fmt.Sprintf("SELECT count() FROM user_followers_current FINAL WHERE followee_id = '%s' AND follower_id = '%s'",
		followee.user, follower.user), "1")
}

// testFeedPages: a follower's page goes with a like and with a new post, another
// user's stays, and an invalidator that is killed meanwhile removes it later.
func testFeedPages(t *testing.T, s *stack) {
	t.Helper()
	author, follower, other := insertSample(t, s, "author"), insertSample(t, s, "reader"), insertSample(t, s, "stranger")
	s.follow(t, follower, author)
	s.AwaitRows(t, showWithin, fmt.Sprintf("SELECT count() FROM posts FINAL WHERE id = '%s'", author.post), "1")
	s.putPage(t, other.user)

	s.putPage(t, follower.user)
	_, like := eventBody(sample{user: uuid.NewString(), post: author.post}, "like")
	s.accept(t, like)
	s.awaitPageGone(t, likeWithin, follower.user)

	s.putPage(t, follower.user)
	s.Postgres(t, fmt.Sprintf(`INSERT INTO posts (user_id, caption, image_key) VALUES ('%s', 'new', 'img/2.jpg')`, author.user))
	s.awaitPageGone(t, postWithin, follower.user)

	s.Kill(t, "invalidator")
	s.putPage(t, follower.user)
	_, share := eventBody(sample{user: uuid.NewString(), post: author.post}, "share")
	s.accept(t, share)
	s.awaitPageGone(t, time.Minute, follower.user)

	assert.Equal(t, "1", s.redis(t, "exists", feedKey(other.user)))
	for _, topic := range []string{"events", "cdc.posts", "cdc.follows", "cdc.users"} {
		s.AwaitCommitted(t, "nova-invalidator", topic)
	}
}

// trending is the answer of GET /v1/trending.
type trending struct {
	Window   string    `json:"window"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	CachedAt time.Time `json:"cached_at"`
	Stale    bool      `json:"stale"`
	Posts    []struct {
		PostID string  `json:"post_id"`
		Score  float64 `json:"score"`
	} `json:"posts"`
}

func (s *stack) trending(t *testing.T, window string) (answer trending, age string) {
	t.Helper()
	header := s.getJSON(t, "/v1/trending?limit=1000&window="+window, &answer)
	require.Equal(t, window, answer.Window)
	return answer, header.Get("Age")
}

// getJSON asks the jobs API, which must answer 200.
func (s *stack) getJSON(t *testing.T, path string, into any) http.Header {
	t.Helper()
	client := http.Client{Timeout: 20 * time.Second}
	res, err := client.Get(s.Vars["JOBS_URL"] + path)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(body))
	require.NoError(t, json.Unmarshal(body, into), string(body))
	return res.Header
}

// testTrending: a liked post is listed within a minute, and the scores are those
// of the raw events within the same bounds; all three windows are served.
func testTrending(t *testing.T, s *stack) {
	t.Helper()
	row := insertSample(t, s, "trending")
	_, like := eventBody(row, "like")
	s.accept(t, like)
	stacktest.Await(t, trendingWithin, func() bool {
		answer, _ := s.trending(t, "1h")
		for _, listed := range answer.Posts {
			if listed.PostID == row.post {
				return listed.Score == 2
			}
		}
		return false
	}, func() string { return "the liked post is not listed" })
	var cached, raw float64
	stacktest.Await(t, trendingWithin, func() bool {
		answer, _ := s.trending(t, "1h")
		cached, raw = 0, s.rawScore(t, answer)
		for _, listed := range answer.Posts {
			cached += listed.Score
		}
		return math.Abs(cached-raw) < 1e-6
	}, func() string { return fmt.Sprintf("cached %v, raw %v", cached, raw) })
	for _, window := range []string{"24h", "7d"} {
		answer, _ := s.trending(t, window)
		require.False(t, answer.Stale)
	}
}

// rawScore is the score of all events within the bounds of an answer.
func (s *stack) rawScore(t *testing.T, of trending) float64 {
	t.Helper()
	text, err := s.ClickHouse(fmt.Sprintf(
		`SELECT sum(multiIf(event_type = 'post_view', 0.1, event_type = 'post_like', 2, event_type = 'post_comment', 3, event_type = 'post_share', 5, 0))
		FROM post_events FINAL WHERE event_time >= toDateTime64(%d, 3, 'UTC') AND event_time < toDateTime64(%d, 3, 'UTC')`, of.From.Unix(), of.To.Unix()))
	require.NoError(t, err)
	score, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return score
}

// job is one entry of GET /v1/jobs.
type job struct {
	Name    string `json:"name"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	LastRun *struct {
		StartedAt time.Time `json:"started_at"`
		Outcome   string    `json:"outcome"`
	} `json:"last_run"`
}

func (s *stack) job(t *testing.T, name string) job {
	t.Helper()
	var answer struct {
		Jobs []job `json:"jobs"`
	}
	s.getJSON(t, "/v1/jobs", &answer)
	for _, one := range answer.Jobs {
		if one.Name == name {
			return one
		}
	}
	return job{}
}

// testJobDefinitions: rows of job_definitions start, stop and refuse jobs while
// the service runs, and survive its kill.
func testJobDefinitions(t *testing.T, s *stack) {
	t.Helper()
	const key = "nova:cache:trending:6h"
	s.Postgres(t, `INSERT INTO job_definitions (name, kind, schedule, params) VALUES ('trending-6h', 'trending', '@every 1s', '{"window":"6h","top_k":10}')`)
	stacktest.Await(t, jobWithin, func() bool { return s.redis(t, "exists", key) == "1" }, func() string { return key + " is not filled" })

	s.Postgres(t, `INSERT INTO job_definitions (name, kind, schedule) VALUES ('broken', 'trending', 'each full moon')`)
	stacktest.Await(t, jobWithin, func() bool { return s.job(t, "broken").State == "refused" }, func() string { return fmt.Sprint(s.job(t, "broken")) })
	assert.Contains(t, s.job(t, "broken").Reason, "schedule")
	s.awaitRunAfter(t, "trending-6h", time.Now())

	s.Kill(t, "jobs")
	stacktest.Await(t, time.Minute, func() bool { return s.isUp("/v1/jobs") }, func() string { return "the jobs API does not answer" })
	s.awaitRunAfter(t, "trending-6h", time.Now())

	s.Postgres(t, `UPDATE job_definitions SET enabled = false WHERE name = 'trending-6h'`)
	stacktest.Await(t, jobWithin, func() bool { return s.job(t, "trending-6h").State == "disabled" }, func() string { return fmt.Sprint(s.job(t, "trending-6h")) })
	s.redis(t, "del", key)
	s.awaitRunAfter(t, "trending-1h", time.Now()) // many of its seconds later
	assert.Equal(t, "0", s.redis(t, "exists", key))
	s.AwaitCommitted(t, "nova-jobs", "cdc.job_definitions")
}

func (s *stack) isUp(path string) bool {
	client := http.Client{Timeout: 5 * time.Second}
	res, err := client.Get(s.Vars["JOBS_URL"] + path)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// awaitRunAfter waits until a job has run well, at least once from moment on.
func (s *stack) awaitRunAfter(t *testing.T, name string, moment time.Time) {
	t.Helper()
	var last job
	stacktest.Await(t, time.Minute, func() bool {
		last = s.job(t, name)
		return last.LastRun != nil && last.LastRun.Outcome == "ok" && last.LastRun.StartedAt.After(moment)
	}, func() string { return fmt.Sprintf("%s has not run: %+v", name, last) })
}

// testStale: without ClickHouse, trending is answered all the same, as stale and
// with its age; with it, it is fresh again within an interval.
func testStale(t *testing.T, s *stack) {
	t.Helper()
	const interval = 15 * time.Second // of trending-1h
	s.Run(t, "stop", "clickhouse")
	var answer trending
	var age string
	stacktest.Await(t, 20*time.Second, func() bool {
		answer, age = s.trending(t, "1h")
		return answer.Stale
	}, func() string { return "not stale" })
	_, err := strconv.Atoi(age)
	require.NoError(t, err, "the age is told: %q", age)
	require.NotEmpty(t, answer.Posts)

	s.Run(t, "start", "clickhouse")
	started := time.Now()
	stacktest.Await(t, interval+10*time.Second, func() bool {
		answer, _ = s.trending(t, "1h")
		return !answer.Stale && !answer.CachedAt.Before(started.Truncate(time.Second))
	}, func() string { return fmt.Sprintf("still %+v", answer) })
}
