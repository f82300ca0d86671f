package connect_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve is a Kafka Connect that has one answer to each path.
func serve(t *testing.T, answers map[string]string) *connect.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, isKnown := answers[r.Method+" "+r.URL.EscapedPath()]
		if !isKnown {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	return connect.New(server.URL+"/", &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
}

// The states of connector and tasks are read, and the cause at the bottom of a trace.
func TestStatus(t *testing.T) {
	client := serve(t, map[string]string{
		"GET /connectors/a%2Fb/status":  `{"name":"a/b","connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"FAILED","trace":"outer\nCaused by: x: y\nCaused by: inner\n\tat z"}]}`,
		"GET /connectors/broken/status": `{`,
	})
	status, err := client.Status(t.Context(), "a/b")
	require.NoError(t, err)
	assert.Equal(t, connect.Running, status.Connector.State)
	require.Len(t, status.Tasks, 1)
	assert.Equal(t, connect.Failed, status.Tasks[0].State)
	assert.Equal(t, "inner", status.Tasks[0].Cause())
	assert.Equal(t, "outer", connect.Part{Trace: "outer\n\tat x"}.Cause())

	_, err = client.Status(t.Context(), "nothing")
	require.ErrorIs(t, err, connect.ErrUnknown)
	_, err = client.Status(t.Context(), "broken")
	require.ErrorContains(t, err, "reading the answer of /connectors/broken/status")
}

// A stored offset says whether a snapshot, of either kind, is to be finished.
func TestOffset(t *testing.T) {
	for _, test := range []struct {
		answer   string
		want     connect.Offset
		isStored bool
	}{
		{`{"offsets":[]}`, connect.Offset{}, false},
		{`{"offsets":[{"partition":{"server":"nova"},"offset":null}]}`, connect.Offset{}, false},
		{`{"offsets":[{"offset":{"lsn":8}}]}`, connect.Offset{}, true},
		{`{"offsets":[{"offset":{"lsn":8,"snapshot":"INITIAL"}}]}`, connect.Offset{Snapshot: "INITIAL"}, true},
		{`{"offsets":[{"offset":{"lsn":8,"snapshot":true}}]}`, connect.Offset{Snapshot: "true"}, true},
		{`{"offsets":[{"offset":{"lsn":8,"snapshot":"false","incremental_snapshot_collections":"[]"}}]}`, connect.Offset{}, true},
		{`{"offsets":[{"offset":{"incremental_snapshot_collections":"[{\"id\":1}]"}}]}`, connect.Offset{Filling: `[{"id":1}]`}, true},
	} {
		offset, isStored, err := serve(t, map[string]string{"GET /connectors/nova/offsets": test.answer}).Offset(t.Context(), "nova")
		require.NoError(t, err)
		assert.Equal(t, test.want, offset, test.answer)
		assert.Equal(t, test.isStored, isStored, test.answer)
	}
}
