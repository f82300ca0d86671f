package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 4 << 20

// ErrUnknown says that Kafka Connect has no connector of that name.
var ErrUnknown = errors.New("there is no such connector")

// Client asks one Kafka Connect.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the Kafka Connect whose REST address is base.
func New(base string, client *http.Client) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), http: client}
}

// CheckAddress refuses an address that is no URL with a host; "" is none.
func CheckAddress(address string) error {
	if parsed, err := url.Parse(address); address != "" && (err != nil || parsed.Host == "") {
		return errors.New("must be a URL")
	}
	return nil
}

// Part is a connector or one of its tasks.
type Part struct {
	State string `json:"state"`
	Trace string `json:"trace"`
}

// Running is the state of a part that works.
const Running = "RUNNING"

// Failed is the state of a part that has stopped for good, until it is restarted.
const Failed = "FAILED"

// Cause is the last cause in the part's stack trace, or its first line.
func (p Part) Cause() string {
	cause, _, _ := strings.Cut(p.Trace, "\n")
	for line := range strings.Lines(p.Trace) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "Caused by: "); ok {
			cause = text
		}
	}
	return cause
}

// Status is how a connector does.
type Status struct {
	Connector Part   `json:"connector"`
	Tasks     []Part `json:"tasks"`
}

// Status returns how the connector does.
func (c *Client) Status(ctx context.Context, connector string) (status Status, err error) {
	return status, c.get(ctx, connector, "status", &status)
}

// Config returns the connector's configuration.
func (c *Client) Config(ctx context.Context, connector string) (config map[string]string, err error) {
	return config, c.get(ctx, connector, "config", &config)
}

// Offset is what a Debezium connector has stored of its place.
type Offset struct {
	// Snapshot is not empty before the initial snapshot is done.
	Snapshot string
	// Filling are the tables that an incremental snapshot is to read, or reads, as
	// Debezium writes them; empty without one.
	Filling string
}

// Offset returns what the connector has stored; ok is false if that is nothing yet.
func (c *Client) Offset(ctx context.Context, connector string) (offset Offset, ok bool, err error) {
	var answer struct {
		Offsets []struct {
			Offset map[string]json.RawMessage `json:"offset"`
		} `json:"offsets"`
	}
	if err := c.get(ctx, connector, "offsets", &answer); err != nil {
		return Offset{}, false, err
	}
	for _, stored := range answer.Offsets {
		ok = ok || stored.Offset != nil
		offset.Snapshot += text(stored.Offset["snapshot"])
		offset.Filling += text(stored.Offset["incremental_snapshot_collections"])
	}
	return offset, ok, nil
}

// text is a JSON value for people; "" stands for none, null, false and an empty list.
func text(value json.RawMessage) string {
	var decoded string
	if json.Unmarshal(value, &decoded) != nil {
		decoded = string(value)
	}
	switch decoded {
	case "null", "false", "[]":
		return ""
	}
	return decoded
}

func (c *Client) get(ctx context.Context, connector, what string, into any) error {
	path := "/connectors/" + url.PathEscape(connector) + "/" + what
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking Kafka Connect: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking Kafka Connect: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return ErrUnknown
	default:
		return fmt.Errorf("asking Kafka Connect: %s answered %s", path, response.Status)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return nil
}
