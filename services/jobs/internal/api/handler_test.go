package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/services/jobs/internal/api"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
	"github.com/nova-data/nova/services/jobs/internal/trending"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lists has one list, of three posts, and keeps what is asked.
type lists struct {
	asked []trending.Window
	fail  error
	read  func(ctx context.Context)
}

func (l *lists) Read(ctx context.Context, w trending.Window) (trending.Answer, error) {
	l.asked = append(l.asked, w)
	if l.read != nil {
		l.read(ctx)
	}
	at := time.Date(2026, 3, 1, 10, 20, 30, 123e6, time.UTC)
	answer := trending.Answer{
		List: trending.List{From: at.Truncate(time.Minute), To: at.Truncate(time.Minute).Add(w.Span), CachedAt: at}, Age: 42900 * time.Millisecond,
		IsStale: true,
	}
	for n := range 3 {
		answer.Posts = append(answer.Posts, trending.Post{ID: uuid.UUID{15: byte(n + 1)}, Score: 3.5 - float64(n)})
	}
	return answer, l.fail
}

// jobs are the ones that are shown.
type jobs struct {
	list        []scheduler.Status
	fileProblem string
}

func (j jobs) Jobs() ([]scheduler.Status, string) { return j.list, j.fileProblem }

type fixture struct {
	*testing.T
	*api.Handler
	lists *lists
}

func newFixture(t *testing.T, shown jobs) fixture {
	t.Helper()
	f := fixture{T: t, lists: &lists{}}
	handler, err := api.NewHandler(api.Deps{Lists: f.lists, Jobs: shown, Meter: noop.Meter{}})
	require.NoError(t, err)
	f.Handler = handler
	return f
}

func (f fixture) do(method, target string) (*http.Response, string) {
	f.Helper()
	recorder := httptest.NewRecorder()
	f.ServeHTTP(recorder, httptest.NewRequestWithContext(f.Context(), method, target, nil))
	return recorder.Result(), recorder.Body.String()
}

// A list says when it was computed, of what, how old it is and whether it is
// stale, to those who keep answers too.
func TestTrending(t *testing.T) {
	f := newFixture(t, jobs{})
	response, body := f.do(http.MethodGet, "/v1/trending?window=24h&limit=2")
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	assert.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	assert.Equal(t, "42", response.Header.Get("Age"))
	assert.Equal(t, "max-age=47", response.Header.Get("Cache-Control"))
	assert.JSONEq(t, `{
		"window": "24h", "from": "2026-03-01T10:20:00Z", "to": "2026-03-02T10:20:00Z",
		"cached_at": "2026-03-01T10:20:30Z", "age_seconds": 42, "stale": true,
		"posts": [
			{"post_id": "00000000-0000-0000-0000-000000000001", "score": 3.5, "cached_at": 1772360430},
			{"post_id": "00000000-0000-0000-0000-000000000002", "score": 2.5, "cached_at": 1772360430}
		]}`, body)
}

// Every kind of request gets the status that its name says; what is wrong is
// named by parameter and rule, all of it at once.
func TestStatuses(t *testing.T) {
	const window, limit = "must be a whole number and m, h or d", "must be a whole number from 1 to 1000"
	for target, test := range map[string]struct {
		method string
		status int
		says   string
	}{
		"/v1/trending":                            {"GET", 200, `"window":"1h"`},
		"/v1/trending?window=7d&limit=1000":       {"GET", 200, `"window":"7d"`},
		"/v1/trending?other=1":                    {"GET", 200, `"posts"`},
		"/v1/trending?limit=1":                    {"HEAD", 200, ""},
		"/v1/trending?window=":                    {"GET", 400, window},
		"/v1/trending?window=1y":                  {"GET", 400, `"parameter":"window"`},
		"/v1/trending?window=1530m":               {"GET", 400, "must be whole hours"},
		"/v1/trending?window=%3Cscript%3E":        {"GET", 400, window},
		"/v1/trending?limit=0":                    {"GET", 400, `"parameter":"limit"`},
		"/v1/trending?limit=1001":                 {"GET", 400, limit},
		"/v1/trending?limit=ten":                  {"GET", 400, limit},
		"/v1/trending?limit=99999999999999999999": {"GET", 400, limit},
		"/v1/trending?window=x&limit=x":           {"GET", 400, `"window","rule":"` + window + `, from 1m to 31d, such as 90m, 24h or 7d"},{"parameter":"limit"`},
		"/v1/trending?window=%zz":                 {"GET", 400, "malformed"},
		"/v1/trending?a;b":                        {"GET", 400, "malformed"},
		"/v1/trending?window=2h":                  {"POST", 405, "can only be read"},
		"/v1/jobs":                                {"GET", 200, `{"jobs":[]}`},
		"/v1/jobs?x":                              {"DELETE", 405, "can only be read"},
		"/v1/jobs/":                               {"GET", 404, "there are /v1/trending and /v1/jobs"},
		"/v1/trending/1h":                         {"GET", 404, "there are"},
		"/":                                       {"POST", 404, "there are"},
	} {
		f := newFixture(t, jobs{})
		response, body := f.do(test.method, target)
		assert.Equal(t, test.status, response.StatusCode, target)
		assert.Contains(t, body, test.says, target)
		if test.status == http.StatusOK {
			continue
		}
		assert.Empty(t, f.lists.asked, target)
		assertProblem(t, response, body)
		assert.Equal(t, test.status == http.StatusMethodNotAllowed, response.Header.Get("Allow") == "GET, HEAD", target)
	}
}

// assertProblem holds that an answer is a problem as RFC 9457 has it.
func assertProblem(t *testing.T, response *http.Response, body string) {
	t.Helper()
	assert.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	var problem struct {
		Type, Title, Detail string
		Status              int
	}
	require.NoError(t, json.Unmarshal([]byte(body), &problem), body)
	assert.Equal(t, "about:blank", problem.Type)
	assert.Equal(t, http.StatusText(response.StatusCode), problem.Title)
	assert.Equal(t, response.StatusCode, problem.Status)
	assert.NotEmpty(t, problem.Detail)
}

// A window that nobody computes is not there; a list that nobody has now is to be
// asked for again, and the reader is not told what is inside.
func TestListsThatAreNotThere(t *testing.T) {
	f := newFixture(t, jobs{})
	f.lists.fail = trending.ErrUnknown
	response, body := f.do(http.MethodGet, "/v1/trending?window=5d")
	assert.Equal(t, http.StatusNotFound, response.StatusCode)
	assert.Contains(t, body, "no job computes the window 5d")
	assertProblem(t, response, body)
	f.lists.fail = errors.Join(trending.ErrUnavailable, errors.New("dial tcp 10.0.0.7:9000"))
	response, body = f.do(http.MethodGet, "/v1/trending")
	assert.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	assert.Equal(t, "2", response.Header.Get("Retry-After"))
	assert.NotContains(t, body, "10.0.0.7")
	assertProblem(t, response, body)
}

// Jobs are shown with how they are and how they went.
func TestJobs(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 20, 30, 5e6, time.UTC)
	f := newFixture(t, jobs{fileProblem: "it is gone", list: []scheduler.Status{
		{
			Name: "a", Kind: "trending", Schedule: "@every 60s", Enabled: true, Params: json.RawMessage(`{"window":"1h"}`), State: scheduler.Scheduled,
			NextRun: at.Truncate(time.Minute).Add(time.Minute),
			LastRun: &scheduler.Run{
				Tick: "1772360430", StartedAt: at, Duration: 1234567 * time.Microsecond, Outcome: scheduler.Failed, Error: "away", Rows: 3,
			},
		},
		{Name: "b", Params: json.RawMessage(`"no JSON"`), State: scheduler.Refused, Reason: "kind: unknown"},
	}})
	response, body := f.do(http.MethodGet, "/v1/jobs")
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.JSONEq(t, `{"file_error": "it is gone", "jobs": [
		{"name": "a", "kind": "trending", "schedule": "@every 60s", "enabled": true, "params": {"window": "1h"}, "state": "scheduled",
		 "next_run": "2026-03-01T10:21:00Z",
		 "last_run": {"tick": "1772360430", "started_at": "2026-03-01T10:20:30.005Z", "duration_ms": 1234, "outcome": "error", "error": "away", "rows": 3}},
		{"name": "b", "kind": "", "schedule": "", "enabled": false, "params": "no JSON", "state": "refused", "reason": "kind: unknown"}
	]}`, body)
}

func config() api.Config {
	return api.Config{Addr: "127.0.0.1:0", QueryTimeout: time.Second, ReadTimeout: time.Second, IdleTimeout: time.Second}
}

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	assert.NoError(t, config().Validate())
	err := api.Config{}.Validate()
	for _, name := range []string{"ADDR", "QUERY_TIMEOUT", "READ_TIMEOUT", "IDLE_TIMEOUT"} {
		assert.ErrorContains(t, err, name)
	}
}

// A request may take what its query and all that Redis is asked may take.
func TestAnswerTimeout(t *testing.T) {
	assert.Equal(t, 41*time.Second, config().Server(10*time.Second).AnswerTimeout)
}

// Whatever the query string: an answer or a reason, never a 500.
func FuzzTrending(f *testing.F) {
	f.Add("window=1h&limit=20")
	f.Add("window=%zz&limit=-1")
	f.Fuzz(func(t *testing.T, query string) {
		fixture := newFixture(t, jobs{})
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/trending", nil)
		request.URL.RawQuery = query
		recorder := httptest.NewRecorder()
		fixture.ServeHTTP(recorder, request)
		assert.Contains(t, []int{200, 400}, recorder.Code)
		assert.True(t, json.Valid(recorder.Body.Bytes()))
		assert.NotContains(t, strings.ToLower(recorder.Header().Get("Content-Type")), "html")
	})
}
