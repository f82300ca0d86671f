package statuspage_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/stack/internal/statuspage"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

func table(now time.Time) []supervisor.Status {
	return []supervisor.Status{
		{Part: "kafka", State: supervisor.Ready, PID: 42, Address: "127.0.0.1:9092", Since: now.Add(-90 * time.Second)},
		{Part: "redis", State: supervisor.Restarting, Restarts: 3, Since: now, Problem: "ended (signal: <killed>)"},
	}
}

// stack takes every order but those that it has an error for.
type stack struct {
	table   []supervisor.Status
	refuses error
	orders  []string
}

func (s *stack) Status() []supervisor.Status { return s.table }

func (s *stack) StopPart(name string) error {
	s.orders = append(s.orders, "stop "+name)
	return s.refuses
}

func (s *stack) StartPart(name string) error {
	s.orders = append(s.orders, "start "+name)
	return s.refuses
}

// The table shows what a person looks for, and no id where no process is.
func TestWrite(t *testing.T) {
	var text strings.Builder
	now := time.Now()
	require.NoError(t, statuspage.Write(&text, table(now), now))
	require.Equal(t, ""+
		"PART   STATE       PID  ADDRESS         RESTARTS  SINCE  \n"+
		"kafka  ready       42   127.0.0.1:9092  0         1m30s  \n"+
		"redis  restarting  -                    3         0s     ended (signal: <killed>)\n", text.String())
}

// Programs, curl and browsers get the same table in their own form.
func TestHandler(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	server := httptest.NewServer(statuspage.Handler(&stack{table: table(now)}))
	t.Cleanup(server.Close)

	fetched, err := statuspage.Fetch(t.Context(), server.URL)
	require.NoError(t, err)
	require.Equal(t, table(now), fetched)

	text := get(t, server.URL, "*/*")
	require.Contains(t, text, "kafka  ready")
	require.NotContains(t, text, "<pre>")
	page := get(t, server.URL, "text/html,*/*")
	require.Contains(t, page, "<pre>PART")
	require.Contains(t, page, "&lt;killed&gt;")
}

func get(t *testing.T, url, accept string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

// Where no stack listens, or something else does, there is no table.
func TestFetchFails(t *testing.T) {
	_, err := statuspage.Fetch(t.Context(), "http://127.0.0.1:1")
	require.ErrorContains(t, err, "asking for the status")
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	_, err = statuspage.Fetch(t.Context(), other.URL)
	require.ErrorContains(t, err, "404")
}

// Orders reach the part they name, and a refusal comes back with its reason.
func TestOrders(t *testing.T) {
	ordered := &stack{}
	server := httptest.NewServer(statuspage.Handler(ordered))
	t.Cleanup(server.Close)
	require.NoError(t, statuspage.Stop(t.Context(), server.URL, "kafka"))
	require.NoError(t, statuspage.Start(t.Context(), server.URL, "a/b c"))
	require.Equal(t, []string{"stop kafka", "start a/b c"}, ordered.orders)

	ordered.refuses = errors.New("stopping redis: someone else runs it")
	require.EqualError(t, statuspage.Stop(t.Context(), server.URL, "redis"), "stopping redis: someone else runs it")
	ordered.refuses = &supervisor.UnknownPartError{Name: "x", Parts: []string{"kafka", "redis"}}
	require.EqualError(t, statuspage.Start(t.Context(), server.URL, "x"), `no part is called "x"; there are kafka, redis`)
	require.ErrorContains(t, statuspage.Stop(t.Context(), "http://127.0.0.1:1", "kafka"), "asking for the stop of kafka")
}

// A web page cannot give orders: neither by a request with its origin nor by one
// that a link or an image makes.
func TestOrdersOfWebPages(t *testing.T) {
	ordered := &stack{}
	server := httptest.NewServer(statuspage.Handler(ordered))
	t.Cleanup(server.Close)
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		for _, origin := range []string{"https://example.org", server.URL, "null"} {
			request, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/parts/kafka/stop", http.NoBody)
			require.NoError(t, err)
			request.Header.Set("Origin", origin)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.GreaterOrEqual(t, response.StatusCode, http.StatusBadRequest)
		}
	}
	require.Empty(t, ordered.orders)
}
