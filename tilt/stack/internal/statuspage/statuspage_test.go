package statuspage_test

import (
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
	server := httptest.NewServer(statuspage.Handler(func() []supervisor.Status { return table(now) }))
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
