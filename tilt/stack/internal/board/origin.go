package board

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The metrics by which cdc-ingest watches its source.
const (
	slotLagBytesMetric  = "cdc_source_slot_lag_bytes"
	slotLagMetric       = "cdc_source_slot_lag_seconds"
	connectorMetric     = "cdc_source_connector_running"
	tasksFailedMetric   = "cdc_source_tasks_failed"
	heartbeatAgeMetric  = "cdc_source_heartbeat_age_seconds"
	unhealthyMetric     = "cdc_source_unhealthy"
	sourcePrefix        = "source " // of the parts' names there
	slotName            = "slot"
	connectorName       = "connector"
	heartbeatName       = "heartbeat"
	bytesPerMegabyte    = 1 << 20
	connectorRuns       = "runs"
	connectorDoesNotRun = "does not run"
	connectorHasFailed  = "has failed"
)

func sourceOf(e exposition) *Source {
	s := &Source{LagBytes: e.most(slotLagBytesMetric), Lag: e.most(slotLagMetric), Heartbeat: e.most(heartbeatAgeMetric), Connector: unknown}
	switch {
	case e.most(tasksFailedMetric) > 0:
		s.Connector = connectorHasFailed
	case e.most(connectorMetric) == 1:
		s.Connector = connectorRuns
	case e.most(connectorMetric) == 0:
		s.Connector = connectorDoesNotRun
	}
	for _, name := range []string{slotName, connectorName, heartbeatName} {
		if e.total(series{unhealthyMetric, "part", sourcePrefix + name}) == 1 {
			s.Problems = append(s.Problems, name)
		}
	}
	return s
}

// facts are what is shown, by name.
func (s *Source) facts() []Fact {
	return []Fact{
		{slotName, megabytes(s.LagBytes) + ", " + seconds(s.Lag) + " behind"},
		{connectorName, s.Connector},
		{heartbeatName, seconds(s.Heartbeat) + " ago"},
	}
}

// origin is the panel of the source.
func origin(s *Source) panel {
	p := panel{rows: [][]string{{"source", ""}}, texts: true}
	if s == nil {
		return p
	}
	for i, f := range s.facts() {
		p.rows = append(p.rows, []string{f.Name, f.Value})
		if slices.Contains(s.Problems, f.Name) {
			p.alarm = append(p.alarm, i+1)
		}
	}
	return p
}

// line is the source as a part of a line.
func (s *Source) line() string {
	parts := make([]string, 0, len(s.facts()))
	for _, f := range s.facts() {
		part := f.Name + " " + f.Value
		if slices.Contains(s.Problems, f.Name) {
			part += " (!)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " | ")
}

// SourceLine asks the admin server of cdc-ingest how its source does, and returns one
// line; dashes stand for what it does not say.
func SourceLine(ctx context.Context, admin string) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	read, _ := readMetrics(ctx, client, admin) // an unreadable one is empty
	return "source: " + sourceOf(read).line()
}

// megabytes is an amount of data.
func megabytes(bytes float64) string {
	if bytes < 0 {
		return unknown
	}
	return fmt.Sprintf("%.1f MB", bytes/bytesPerMegabyte)
}
