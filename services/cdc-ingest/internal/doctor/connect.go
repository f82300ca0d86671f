package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
)

// connectorCheck looks at the connector by Kafka Connect's REST interface.
type connectorCheck struct {
	area
	options Options
	// client is nil if no address was given.
	client *connect.Client

	// config is nil until it is read.
	config map[string]string
}

func (c *connectorCheck) run(ctx context.Context) {
	if c.client == nil {
		c.warn("set CONNECT_URL", "the connector is not checked, nor whether it leaves out private columns")
		return
	}
	config, err := c.client.Config(ctx, c.options.Connector)
	switch {
	case errors.Is(err, connect.ErrUnknown):
		c.fail("create it from tilt/debezium/nova.json, or name yours with --connector", "there is no connector %s", c.options.Connector)
		return
	case err != nil:
		c.fail("set CONNECT_URL to an address that answers", "the connector cannot be looked at: %v", err)
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
	c.checkStatus(ctx)
}

func (c *connectorCheck) checkStatus(ctx context.Context) {
	found, err := c.client.Status(ctx, c.options.Connector)
	if err != nil {
		c.fail("look at Kafka Connect's log", "the state of connector %s cannot be read: %v", c.options.Connector, err)
		return
	}
	since := len(c.findings)
	restart := "repair the cause, then POST /connectors/" + url.PathEscape(c.options.Connector) + "/restart?includeTasks=true&onlyFailed=true"
	for i, one := range append([]connect.Part{found.Connector}, found.Tasks...) {
		name := "connector " + c.options.Connector
		if i > 0 {
			name = fmt.Sprintf("task %d of connector %s", i-1, c.options.Connector)
		}
		if one.State != connect.Running {
			c.fail(restart, "%s is %s%s", name, one.State, inParentheses(one.Cause()))
		}
	}
	if len(found.Tasks) == 0 {
		c.fail(restart, "connector %s has no task", c.options.Connector)
	}
	if c.isWell(since) {
		c.ok("%s runs", c.options.Connector)
	}
}

func inParentheses(cause string) string {
	if cause == "" {
		return ""
	}
	return " (" + cause + ")"
}
