package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// FailedError is a connector, or a task of it, that has stopped working and that
// Kafka Connect does not start again by itself.
type FailedError struct {
	Connector string
	// Reason is the cause at the bottom of the stack trace.
	Reason string
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("connector %s has failed: %s", e.Connector, e.Reason)
}

// connectorStatus is the answer of /connectors/<name>/status.
type connectorStatus struct {
	Connector taskStatus   `json:"connector"`
	Tasks     []taskStatus `json:"tasks"`
}

type taskStatus struct {
	State string `json:"state"`
	Trace string `json:"trace"`
}

// Connector is ready when the connector name at the Connect worker at base runs
// with all its tasks. It returns a *FailedError when one of them has failed.
func Connector(base, name string) Probe {
	return func(ctx context.Context) error {
		body, err := get(ctx, base+"/connectors/"+url.PathEscape(name)+"/status")
		if err != nil {
			return err
		}
		var status connectorStatus
		if err := json.Unmarshal(body, &status); err != nil {
			return fmt.Errorf("reading the status of connector %s: %w", name, err)
		}
		return status.check(name)
	}
}

func (s connectorStatus) check(name string) error {
	for _, part := range append([]taskStatus{s.Connector}, s.Tasks...) {
		switch part.State {
		case "RUNNING":
		case "FAILED":
			return &FailedError{Connector: name, Reason: rootCause(part.Trace)}
		default:
			return fmt.Errorf("connector %s is %s", name, part.State)
		}
	}
	if len(s.Tasks) == 0 {
		return fmt.Errorf("connector %s has no task yet", name)
	}
	return nil
}

// rootCause returns the last "Caused by" of a Java stack trace, or its first
// line.
func rootCause(trace string) string {
	cause, _, _ := strings.Cut(trace, "\n")
	for line := range strings.Lines(trace) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "Caused by: "); ok {
			cause = text
		}
	}
	return cause
}
