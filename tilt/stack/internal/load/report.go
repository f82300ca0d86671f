package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a load has come to.
type Report struct {
	Config Config `json:"config"`
	// Interrupted says that the context ended before the load.
	Interrupted bool `json:"interrupted"`
	// Refusal is the answer that ended the load before its time, if one did.
	Refusal        string  `json:"refusal,omitempty"`
	ElapsedSeconds float64 `json:"elapsed_seconds"` // from the first arrival to the last answer

	Requests         int `json:"requests"` // that were due, and sent
	AcceptedRequests int `json:"accepted_requests"`
	// HeldBack is how many of Requests found every connection in use.
	HeldBack int `json:"held_back_requests"`
	// NotSent is how many requests the load has beside Requests: for an end before its
	// time, or held back for too long.
	NotSent        int            `json:"not_sent_requests"`
	Events         int            `json:"events"` // in Requests, copies included
	AcceptedEvents int            `json:"accepted_events"`
	Copies         int            `json:"copies"`   // of Events
	Failures       map[string]int `json:"failures"` // requests, by reason

	// Latency is from when a request was due until its 202, or until it was given up
	// after Config.Timeout. Requests that found no connection are in Failures alone.
	Latency Quantiles `json:"latency"`
	// Refused is from when a request was due until an answer that is no 202.
	Refused Quantiles `json:"refused_latency"`

	Probes    int       `json:"probes"`    // marker events that were accepted
	Freshness Quantiles `json:"freshness"` // of those that were seen
	// ProbeFailures counts markers that were not accepted and queries that failed.
	ProbeFailures    int    `json:"probe_failures"`
	LastProbeFailure string `json:"last_probe_failure,omitempty"`
}

// Write writes the report for people.
func (r Report) Write(out io.Writer) error {
	var text strings.Builder
	switch {
	case r.Refusal != "":
		text.WriteString(r.Refusal + "; until then:\n")
	case r.Interrupted:
		text.WriteString("interrupted; until then:\n")
	}
	second := max(r.ElapsedSeconds, 1e-9)
	line(&text, "events", "%d accepted of %d sent, %d of them copies, in %.1fs: %.0f accepted/s of %.0f/s asked for",
		r.AcceptedEvents, r.Events, r.Copies, r.ElapsedSeconds, float64(r.AcceptedEvents)/second, r.Config.Rate)
	line(&text, "requests", "%d accepted of %d sent, %d held back for want of one of %d connections",
		r.AcceptedRequests, r.Requests, r.HeldBack, r.Config.Connections)
	if r.NotSent > 0 {
		line(&text, "not sent", "%d requests (what is held back is sent until %s after the end)", r.NotSent, grace)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Failures)) {
		line(&text, "failures", "%d: %s", r.Failures[reason], reason)
	}
	line(&text, "latency", "%s", r.Latency)
	if r.Refused.Count > 0 {
		line(&text, "refused", "%d, after p50 %s  p99 %s", r.Refused.Count, milli(r.Refused.P50), milli(r.Refused.P99))
	}
	if r.Probes > 0 || r.ProbeFailures > 0 {
		line(&text, "freshness", "%s, %d of %d probes seen", r.Freshness, r.Freshness.Count, r.Probes)
	}
	if r.ProbeFailures > 0 {
		line(&text, "", "failures to ask: %d, the last: %s", r.ProbeFailures, r.LastProbeFailure)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func line(text *strings.Builder, name, format string, args ...any) {
	fmt.Fprintf(text, "%-10s "+format+"\n", append([]any{name}, args...)...)
}

// String returns the quantiles in one line.
func (q Quantiles) String() string {
	if q.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  p99.9 %s  max %s", milli(q.P50), milli(q.P90), milli(q.P99), milli(q.P999), milli(q.Max))
}

// milli is a duration of ms milliseconds to three digits.
func milli(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}

// Line is the report in one line of a terminal, for a load that goes on.
func (r Report) Line() string {
	failed := 0
	for _, n := range r.Failures {
		failed += n
	}
	text := fmt.Sprintf("%.0fs  %.0f events/s accepted  %d held back  %d failed  p50 %s  p99 %s",
		r.ElapsedSeconds, float64(r.AcceptedEvents)/max(r.ElapsedSeconds, 1e-9), r.HeldBack, failed, milli(r.Latency.P50), milli(r.Latency.P99))
	if r.Freshness.Count > 0 {
		text += "  queryable after p50 " + milli(r.Freshness.P50)
	}
	return text
}
