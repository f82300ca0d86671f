package cli

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A run whose connector has failed at the end has failed; one that is only away, or
// paused by hand, has not.
func TestCheckConnector(t *testing.T) {
	status := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/connectors/nova/status", r.URL.Path)
		_, _ = w.Write([]byte(status))
	}))
	defer server.Close()
	for _, status = range []string{
		`{"connector":{"state":"RUNNING"},"tasks":[{"state":"RUNNING"}]}`,
		`{"connector":{"state":"PAUSED"},"tasks":[{"state":"PAUSED"}]}`,
		`{"connector":{"state":"RUNNING"},"tasks":[]}`,
	} {
		require.NoError(t, checkConnector(t.Context(), server.URL), status)
	}
	status = `{"connector":{"state":"RUNNING"},"tasks":[{"state":"FAILED","trace":"org.Slot: slot is gone"}]}`
	require.EqualError(t, checkConnector(t.Context(), server.URL), "connector nova has failed: org.Slot: slot is gone")
	server.Close()
	require.NoError(t, checkConnector(t.Context(), server.URL))
}
