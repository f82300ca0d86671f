package chserver_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
)

// plan plans faults over HTTP.
func plan(t *testing.T, server *chtest.Server, rules string) {
	t.Helper()
	request, err := http.NewRequestWithContext(deadline(t), http.MethodPost, "http://"+server.HTTP+"/faults", strings.NewReader(rules))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode, string(answer))
}

// Each fault does what it says, to the table it names and as often as it says:
// before it, nothing is stored; after it, everything is.
func TestFaults(t *testing.T) {
	server := chtest.Start(t, chtest.WithFlags("--faults"))
	for name, test := range map[string]struct {
		rule   string
		check  func(t *testing.T, err error)
		stored uint64
	}{
		"exception before": {`{"action": "exception", "code": 241}`, isException(241), 0},
		"exception after":  {`{"action": "exception", "code": 319, "when": "after"}`, isException(319), 100},
		"cut before":       {`{"action": "cut", "table": "t"}`, isCut, 0},
		"cut after":        {`{"action": "cut", "when": "after"}`, isCut, 100},
	} {
		t.Run(name, func(t *testing.T) {
			client := dial(t, server)
			execute(t, client, "CREATE OR REPLACE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
			plan(t, server, test.rule)
			test.check(t, insertInto(t, client, "t"))
			require.Equal(t, test.stored, count(t, dial(t, server), "t"))
			require.NoError(t, insertInto(t, dial(t, server), "t"))
		})
	}
	client := dial(t, server)
	execute(t, client, "CREATE TABLE other (v UInt64) ENGINE = MergeTree ORDER BY v")
	plan(t, server, `[{"action": "exception", "code": 252, "count": 2, "table": "t"}, {"action": "delay", "delay_ms": 200, "table": "other"}]`)
	started := time.Now()
	require.NoError(t, insertInto(t, client, "other"))
	require.GreaterOrEqual(t, time.Since(started), 200*time.Millisecond)
	requireException(t, insertInto(t, client, "t"), 252)
	requireException(t, insertInto(t, client, "nova.t"), 252)
	require.NoError(t, insertInto(t, client, "t"))
}

func insertInto(t *testing.T, client *ch.Client, table string) error {
	t.Helper()
	return client.Do(deadline(t), ch.Query{Body: "INSERT INTO " + table + " VALUES", Input: proto.Input{{Name: "v", Data: ids(0, 100)}}})
}

func isException(code proto.Error) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		t.Helper()
		requireException(t, err, code)
	}
}

// isCut requires the failure of a connection.
func isCut(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.False(t, ch.IsException(err), err)
}

// A planned exit ends the process, before or after the rows are stored.
func TestExitFault(t *testing.T) {
	server := chtest.Start(t, chtest.WithFlags("--faults"))
	execute(t, dial(t, server), "CREATE TABLE t (v UInt64) ENGINE = MergeTree ORDER BY v")
	for _, test := range []struct {
		rule   string
		stored uint64
	}{{`{"action": "exit"}`, 0}, {`{"action": "exit", "when": "after"}`, 100}} {
		plan(t, server, test.rule)
		require.Error(t, insertInto(t, dial(t, server), "t"))
		select {
		case <-server.Exited():
		case <-deadline(t).Done():
			t.Fatal("the server has not ended")
		}
		server.Restart(chtest.WithFlags("--faults"))
		require.Equal(t, test.stored, count(t, dial(t, server), "t"))
	}
}

// Without the flag nobody can plan faults.
func TestFaultsAreOff(t *testing.T) {
	server := chtest.Start(t, chtest.WithFlags("--faults=false"))
	request, err := http.NewRequestWithContext(deadline(t), http.MethodPost, "http://"+server.HTTP+"/faults", strings.NewReader(`{"action": "exit"}`))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}
