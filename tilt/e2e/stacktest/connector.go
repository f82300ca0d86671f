package stacktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Connector is the name of the connector that the stack ships and starts.
const Connector = "nova"

const connectorWithin = 2 * time.Minute

// ConnectorConfig is the shipped configuration of the connector with some of its
// settings replaced.
func (s *Stack) ConnectorConfig(t *testing.T, replaced map[string]string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.root, "tilt", "debezium", Connector+".json"))
	require.NoError(t, err)
	var shipped struct {
		Config map[string]string `json:"config"`
	}
	require.NoError(t, json.Unmarshal(text, &shipped))
	maps.Copy(shipped.Config, replaced)
	return shipped.Config
}

// PutConnector creates a connector, or changes its configuration.
func (s *Stack) PutConnector(t *testing.T, name string, config map[string]string) {
	t.Helper()
	body, err := json.Marshal(config)
	require.NoError(t, err)
	s.connect(t, http.MethodPut, name+"/config", string(body))
}

// StopConnector ends the tasks of a connector, which keeps its configuration and
// offsets, and waits until it has stopped.
func (s *Stack) StopConnector(t *testing.T, name string) {
	t.Helper()
	s.connect(t, http.MethodPut, name+"/stop", "")
	s.awaitConnector(t, name, "STOPPED", 0)
}

// ResumeConnector is the end of StopConnector. It returns at once.
func (s *Stack) ResumeConnector(t *testing.T, name string) {
	t.Helper()
	s.connect(t, http.MethodPut, name+"/resume", "")
}

// DeleteConnector removes a connector.
func (s *Stack) DeleteConnector(t *testing.T, name string) {
	t.Helper()
	s.connect(t, http.MethodDelete, name, "")
}

// AwaitConnector waits until a connector runs with its task.
func (s *Stack) AwaitConnector(t *testing.T, name string) {
	t.Helper()
	s.awaitConnector(t, name, "RUNNING", 1)
}

func (s *Stack) awaitConnector(t *testing.T, name, state string, tasks int) {
	t.Helper()
	type condition struct {
		State string `json:"state"`
	}
	var answer string
	Await(t, connectorWithin, func() bool {
		status, body, err := Get(s.Vars["CONNECT_URL"] + "/connectors/" + name + "/status")
		answer = fmt.Sprint(status, body, err)
		var found struct {
			Connector condition   `json:"connector"`
			Tasks     []condition `json:"tasks"`
		}
		if err != nil || status != http.StatusOK || json.Unmarshal([]byte(body), &found) != nil || found.Connector.State != state {
			return false
		}
		for _, task := range found.Tasks {
			if task.State != state {
				return false
			}
		}
		return len(found.Tasks) == tasks
	}, func() string { return "connector " + name + " is not " + state + ": " + answer })
}

// connect makes a call of Connect's, again while the worker is busy with another.
func (s *Stack) connect(t *testing.T, method, path, body string) {
	t.Helper()
	var answer string
	Await(t, connectorWithin, func() bool {
		status, text, err := send(method, s.Vars["CONNECT_URL"]+"/connectors/"+path, "application/json", body)
		answer = fmt.Sprint(status, text, err)
		return err == nil && status < http.StatusMultipleChoices
	}, func() string { return method + " " + path + ": " + answer })
}
