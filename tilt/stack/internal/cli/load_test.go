package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/load"
)

// api answers every body with a status, and stops the test at anything else.
func api(t *testing.T, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "POST /v1/events", r.Method+" "+r.URL.Path)
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A load prints what was measured, for people or as JSON.
func TestLoad(t *testing.T) {
	args := []string{"load", "--url", api(t, http.StatusAccepted), "--rate", "500", "--duration", "200ms", "--probe", "0"}
	out, err := stack(t, args...)
	require.NoError(t, err)
	require.Contains(t, out, "100 accepted of 100 sent")
	require.NotContains(t, out, "\x1b", "no terminal")

	out, err = stack(t, append(args, "--json")...)
	require.NoError(t, err)
	var report load.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, 100, report.AcceptedEvents)
	require.EqualValues(t, 10, report.Latency.Count)
}

// A load of which nothing is accepted fails, and one that cannot begin says why.
func TestLoadFails(t *testing.T) {
	out, err := stack(t, "load", "--url", api(t, http.StatusServiceUnavailable), "--duration", "50ms", "--probe", "0")
	require.ErrorIs(t, err, errFailures)
	require.Contains(t, out, "status 503")

	out, err = stack(t, "load", "--url", api(t, http.StatusUnauthorized), "--duration", "50ms", "--probe", "0")
	require.ErrorContains(t, err, "the events API refused a body: 401")
	require.Contains(t, out, "status 401")
	require.Contains(t, out, "the events API refused a body: 401; until then:")
	require.NotContains(t, out, "interrupted")

	_, err = stack(t, "load", "--url", "http://127.0.0.1:1")
	require.ErrorContains(t, err, "does the stack run?")
	_, err = stack(t, "load", "--rate", "0", "--connections", "0")
	require.ErrorAs(t, err, new(*lifecycle.UsageError))
	require.ErrorContains(t, err, "--rate")
	require.ErrorContains(t, err, "--connections")
}

// Without an address the load goes to the stack that ran last.
func TestLoadFindsTheStack(t *testing.T) {
	dir := t.TempDir()
	l, err := layout.New(layout.Config{RunDir: dir, PortBase: 11111}, dir)
	require.NoError(t, err)
	require.NoError(t, l.WriteEnv())
	_, err = stack(t, "load", "--run-dir", dir)
	require.ErrorContains(t, err, "127.0.0.1:19191")
}
