package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
)

// connector watches the connector and its tasks.
type connector struct {
	cfg     Config
	connect *connect.Client
	metrics *metrics
}

func (*connector) name() string { return "source connector" }

func (*connector) close(context.Context) {}

func (c *connector) look(ctx context.Context) finding {
	status, err := c.connect.Status(ctx, c.cfg.Connector)
	switch {
	case errors.Is(err, connect.ErrUnknown):
		c.metrics.connector(&connectorReading{name: c.cfg.Connector})
		return finding{
			kind: "missing", text: "Kafka Connect has no connector " + c.cfg.Connector,
			fix: "create it, or name yours with SOURCE_CONNECTOR",
		}
	case err != nil:
		c.metrics.connector(nil)
		return unreachable("see whether Kafka Connect runs, and CONNECT_URL leads to it", err)
	}
	found := judge(c.cfg.Connector, status)
	c.metrics.connector(&connectorReading{name: c.cfg.Connector, isRunning: found.kind == "", tasksFailed: tasksFailed(status)})
	return found
}

func tasksFailed(status connect.Status) (failed int64) {
	for _, task := range status.Tasks {
		if task.State == connect.Failed {
			failed++
		}
	}
	return failed
}

// judge looks at the connector, then at its tasks.
func judge(name string, status connect.Status) finding {
	if len(status.Tasks) == 0 {
		return finding{kind: "idle", text: fmt.Sprintf("connector %s has no task", name), fix: "see Kafka Connect's log"}
	}
	for i, part := range append([]connect.Part{status.Connector}, status.Tasks...) {
		which := "connector " + name
		if i > 0 {
			which = fmt.Sprintf("task %d of connector %s", i-1, name)
		}
		switch part.State {
		case connect.Running:
		case connect.Failed:
			return finding{
				kind: "failed", text: fmt.Sprintf("%s has failed (%s)", which, part.Cause()),
				fix: fmt.Sprintf("repair the cause, then POST /connectors/%s/restart?includeTasks=true&onlyFailed=true to Kafka Connect", name),
			}
		default:
			return finding{kind: part.State, text: which + " is " + part.State, fix: "resume it, or see Kafka Connect's log"}
		}
	}
	return finding{}
}
