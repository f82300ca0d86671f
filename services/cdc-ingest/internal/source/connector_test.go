package source

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
)

// A connector or a task that does not run is named with its state or cause, and so is
// a Kafka Connect that does not know it or does not answer.
func TestConnector(t *testing.T) {
	code, status := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/connectors/nova/status" {
			t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(status))
	}))
	made, err := newMetrics(noop.Meter{})
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	c := &connector{cfg: settings(), connect: connect.New(server.URL+"/", client), metrics: made}
	for _, test := range []struct {
		status, kind, text string
		failed             int64
	}{
		{`{"connector":{"state":"RUNNING"},"tasks":[{"state":"RUNNING"}]}`, "", "", 0},
		{`{"connector":{"state":"PAUSED"},"tasks":[{"state":"PAUSED"}]}`, "PAUSED", "connector nova is PAUSED", 0},
		{`{"connector":{"state":"RUNNING"},"tasks":[]}`, "idle", "connector nova has no task", 0},
		{
			`{"connector":{"state":"RUNNING"},"tasks":[{"state":"RUNNING"},{"state":"FAILED","trace":"org.Wrapped: outer\n\tat x\nCaused by: org.Slot: slot is gone\n\tat y"}]}`,
			"failed", "task 1 of connector nova has failed (org.Slot: slot is gone)", 1,
		},
	} {
		status = test.status
		found := c.look(t.Context())
		assert.Equal(t, test.kind, found.kind)
		assert.Equal(t, test.text, found.text)
		assert.Equal(t, &connectorReading{name: "nova", isRunning: test.kind == "", tasksFailed: test.failed}, made.lastConnector)
	}
	status = "{"
	assert.Equal(t, isUnreachable, c.look(t.Context()).kind)
	code = http.StatusNotFound
	assert.Equal(t, "Kafka Connect has no connector nova", c.look(t.Context()).text)
	code = http.StatusServiceUnavailable
	assert.Contains(t, c.look(t.Context()).text, "/connectors/nova/status answered 503")
	server.Close()
	assert.Equal(t, isUnreachable, c.look(t.Context()).kind)
	assert.Nil(t, made.lastConnector)
}
