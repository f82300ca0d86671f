package load

import (
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
)

// Latencies are kept to three digits up to an hour, beyond any timeout there is.
const (
	longestMicros = int64(time.Hour / time.Microsecond)
	digits        = 3
)

// histogram counts durations. It is not safe for concurrent use.
type histogram struct{ micros *hdrhistogram.Histogram }

func newHistogram() histogram { return histogram{hdrhistogram.New(1, longestMicros, digits)} }

func (h histogram) record(d time.Duration) {
	_ = h.micros.RecordValue(min(max(d.Microseconds(), 0), longestMicros)) // within its bounds
}

// Quantiles is a distribution of durations, in milliseconds. All but Count are 0
// without any.
type Quantiles struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
}

func (h histogram) quantiles() Quantiles {
	at := func(quantile float64) float64 { return float64(h.micros.ValueAtQuantile(quantile)) / 1000 }
	return Quantiles{
		Count: h.micros.TotalCount(), Mean: h.micros.Mean() / 1000,
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: float64(h.micros.Max()) / 1000,
	}
}

// recorder gathers what becomes of requests and markers. Any goroutine may use it.
type recorder struct {
	batch int

	mu        sync.Mutex
	result    Report
	latency   histogram
	refused   histogram
	freshness histogram
}

func newRecorder(batch int) *recorder {
	return &recorder{
		batch: batch, result: Report{Failures: map[string]int{}},
		latency: newHistogram(), refused: newHistogram(), freshness: newHistogram(),
	}
}

// due counts a request whose time has come, and whether it finds no connection.
func (r *recorder) due(isHeldBack bool, copies int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Requests++
	r.result.Events += r.batch
	r.result.Copies += copies
	if isHeldBack {
		r.result.HeldBack++
	}
}

// done counts the end of a request. A latency is that of an accepted request, or the
// time after which one without an answer was given up: what fails at once is quick and
// would flatter.
func (r *recorder) done(latency time.Duration, answer eventsapi.Answer, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer.IsAccepted() {
		r.result.AcceptedRequests++
		r.result.AcceptedEvents += r.batch
		r.latency.record(latency)
		return
	}
	why := reason(answer, err)
	r.result.Failures[why]++
	switch {
	case answer.Status != 0:
		r.refused.record(latency)
	case why == givenUp:
		r.latency.record(latency)
	}
}

// givenUp is the reason of a request that had no answer within its time limit.
const givenUp = "no answer in time"

func reason(answer eventsapi.Answer, err error) string {
	var network net.Error
	switch {
	case answer.Status != 0:
		return "status " + strconv.Itoa(answer.Status)
	case errors.As(err, &network) && network.Timeout():
		return givenUp
	default:
		return "no connection"
	}
}

// probed counts a marker event that was accepted, and seen one that is queryable.
func (r *recorder) probed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Probes++
}

func (r *recorder) seen(freshness time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.freshness.record(freshness)
}

// probeFailed keeps the last reason why freshness could not be asked for.
func (r *recorder) probeFailed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.ProbeFailures++
	r.result.LastProbeFailure = err.Error()
}

// report returns what there is so far.
func (r *recorder) report(elapsed time.Duration) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.result
	report.Failures = make(map[string]int, len(r.result.Failures))
	for reason, n := range r.result.Failures {
		report.Failures[reason] = n
	}
	report.ElapsedSeconds = elapsed.Seconds()
	report.Latency, report.Refused, report.Freshness = r.latency.quantiles(), r.refused.quantiles(), r.freshness.quantiles()
	return report
}
