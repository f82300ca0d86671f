package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds an answer of Kafka Connect's, in bytes.
const maxAnswer = 4 << 20

// connectorCheck looks at the connector by Kafka Connect's REST interface.
type connectorCheck struct {
	area
	options Options
	url     string
	client  *http.Client

	// config is nil until it is read.
	config map[string]string
}

func (c *connectorCheck) run(ctx context.Context) {
	if c.url == "" {
		c.warn("set CONNECT_URL", "the connector is not checked, nor whether it leaves out private columns")
		return
	}
	path := "/connectors/" + url.PathEscape(c.options.Connector)
	var config map[string]string
	code, err := c.get(ctx, path+"/config", &config)
	switch {
	case err != nil:
		c.fail("set CONNECT_URL to an address that answers", "Kafka Connect cannot be asked: %v", err)
		return
	case code == http.StatusNotFound:
		c.fail("create it from tilt/debezium/nova.json, or name yours with --connector", "there is no connector %s", c.options.Connector)
		return
	}
	c.config = config
	since := len(c.findings)
	c.checkSettings()
	c.checkTables()
	c.checkColumns()
	c.checkRouting()
	c.checkEpoch()
	if c.isWell(since) {
		c.ok("%s is configured as it should be", c.options.Connector)
	}
	c.checkStatus(ctx, path+"/status")
}

// get reads an answer, unless it is 404.
func (c *connectorCheck) get(ctx context.Context, path string, into any) (code int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.url, "/")+path, nil)
	if err != nil {
		return 0, err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return response.StatusCode, nil
	default:
		return response.StatusCode, fmt.Errorf("%s answered %s", path, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into); err != nil {
		return response.StatusCode, fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return response.StatusCode, nil
}

// status is the answer about how a connector does.
type status struct {
	Connector part   `json:"connector"`
	Tasks     []part `json:"tasks"`
}

type part struct {
	State string `json:"state"`
	Trace string `json:"trace"`
}

func (c *connectorCheck) checkStatus(ctx context.Context, path string) {
	var found status
	code, err := c.get(ctx, path, &found)
	if err != nil || code != http.StatusOK {
		c.fail("look at Kafka Connect's log", "the state of connector %s cannot be read: %v", c.options.Connector, err)
		return
	}
	since := len(c.findings)
	restart := "repair the cause, then POST " + strings.TrimSuffix(path, "/status") + "/restart?includeTasks=true&onlyFailed=true"
	for i, one := range append([]part{found.Connector}, found.Tasks...) {
		name := "connector " + c.options.Connector
		if i > 0 {
			name = fmt.Sprintf("task %d of connector %s", i-1, c.options.Connector)
		}
		if one.State != "RUNNING" {
			c.fail(restart, "%s is %s%s", name, one.State, cause(one.Trace))
		}
	}
	if len(found.Tasks) == 0 {
		c.fail(restart, "connector %s has no task", c.options.Connector)
	}
	if c.isWell(since) {
		c.ok("%s runs", c.options.Connector)
	}
}

// cause is the last cause in a Java stack trace, or its first line.
func cause(trace string) string {
	first, _, _ := strings.Cut(trace, "\n")
	for line := range strings.Lines(trace) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "Caused by: "); ok {
			first = text
		}
	}
	if first == "" {
		return ""
	}
	return " (" + first + ")"
}
