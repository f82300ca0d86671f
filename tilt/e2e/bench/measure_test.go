package bench_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/producer"
)

// cost is what the service has spent on backlogs of one kind.
type cost struct {
	micros []float64 // processor time of an event, of each round
	speeds []float64 // events a second, by the clock
}

// median is the middle one; rounds are odd.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// row names the median and how far the rounds are apart.
func (c cost) row(name string, atMost float64, note string) row {
	sorted := slices.Sorted(slices.Values(c.micros))
	how := fmt.Sprintf("%s events/s/core; %d rounds %s to %s; %s events/s by the clock",
		digits(1e6/median(c.micros)), len(sorted), digits(sorted[0]), digits(sorted[len(sorted)-1]), digits(median(c.speeds)))
	return row{Name: name, Value: median(c.micros), Unit: "µs/event", AtMost: atMost, Note: how + "; " + note}
}

// drain gives a member that has nothing to do a backlog, and adds what that costs.
// The member stands still until all of it is on Kafka.
func (w *world) drain(t *testing.T, m *member, c *cost, n int, next func(*backlog) producer.Record) {
	t.Helper()
	w.awaitDone(t)
	require.NoError(t, m.process.Pause())
	require.NoError(t, w.backlog.put(t.Context(), n, next))
	w.sent += int64(n)
	used, began := m.processorTime(), time.Now()
	require.NoError(t, m.process.Resume())
	w.awaitDone(t)
	took, used := time.Since(began), m.processorTime()-used
	c.micros = append(c.micros, float64(used.Nanoseconds())/1e3/float64(n))
	c.speeds = append(c.speeds, float64(n)/took.Seconds())
}

// Targets of architecture.md §13.
const (
	protobufAtMost = 5.0
	jsonAtMost     = 6.0
	plainAtMost    = 2.5
	largeAtLeast   = 120_000
	memoryAtMost   = 256
	p50AtMost      = 600
	p99AtMost      = 1500
	insertsAtMost  = 3

	// perSecond is the rate of the rows that are at 5 000 events/s.
	perSecond = 5000

	large = 1600
	small = 300
)

// isBypassed is how a member is made to claim nothing: no Redis answers, and it may go
// on without. There is no switch for that.
func isBypassed() []string {
	return []string{"REDIS_ADDR=127.0.0.1:1", "DEDUP_ON_FAILURE=bypass", "DEDUP_TIMEOUT=1s", "DEDUP_BREAKER_DELAY=1m", "DEDUP_BREAKER_JITTER=0s"}
}

// measureCost measures the processor time of an event, of each kind in turn, so that
// whatever else the machine does meets all of them.
func (w *world) measureCost(t *testing.T) {
	t.Helper()
	m := w.startMember(t)
	w.await(t, time.Minute, "ClickHouse is up for a while", func() bool {
		return w.number(t, "SELECT uptime()") >= int64(w.scale.trusted.Seconds())
	})
	w.drain(t, m, &cost{}, w.scale.events/5, protobufOf(small)) // caches, connections, memory
	w.drain(t, m, &cost{}, w.scale.events/5, jsonOf(small))
	m.resetPeak()
	var protobuf, json cost
	for range w.scale.rounds {
		w.drain(t, m, &protobuf, w.scale.events, protobufOf(small))
		w.drain(t, m, &json, w.scale.events, jsonOf(small))
	}
	peak := m.peakMiB()
	w.saveProfile(t, m)
	m.stop()

	m = w.startMember(t, isBypassed()...)
	w.drain(t, m, &cost{}, w.scale.events/5, jsonOf(large))
	m.resetPeak()
	var plainProtobuf, plainJSON, plainLarge cost
	for range w.scale.rounds {
		w.drain(t, m, &plainProtobuf, w.scale.events, protobufOf(small))
		w.drain(t, m, &plainJSON, w.scale.events, jsonOf(small))
		w.drain(t, m, &plainLarge, w.scale.events/2, jsonOf(large))
	}
	plainPeak := m.peakMiB()
	m.stop()

	without := "no claims: Redis is away and bypassed"
	shape := func(next func(*backlog) producer.Record) string { return w.backlog.shape(t, next) + "; " }
	w.add(protobuf.row("events-ingest, processor time, 300 B protobuf", protobufAtMost, shape(protobufOf(small))+ratio(protobuf, plainProtobuf)))
	w.add(json.row("events-ingest, processor time, 300 B JSON", jsonAtMost, shape(jsonOf(small))+ratio(json, plainJSON)))
	w.add(plainProtobuf.row("the same, 300 B protobuf, dedup off", plainAtMost, without))
	w.add(plainJSON.row("the same, 300 B JSON, dedup off", plainAtMost, without))
	w.add(row{
		Name: "the same, 1.6 kB JSON, dedup off", Value: 1e6 / median(plainLarge.micros), Unit: "events/s/core", AtLeast: largeAtLeast,
		Note: fmt.Sprintf("%s µs/event; %s%s", digits(median(plainLarge.micros)), shape(jsonOf(large)), without),
	})
	w.add(row{
		Name: "events-ingest, most memory at full rate", Value: max(peak, plainPeak), Unit: "MiB", AtMost: memoryAtMost,
		Note: fmt.Sprintf("VmHWM: %s with 300 B and dedup on, %s with dedup off and 1.6 kB too", digits(peak), digits(plainPeak)),
	})
}

func ratio(with, without cost) string {
	return digits(median(with.micros)/median(without.micros)) + " times dedup off"
}

// saveProfile profiles one more backlog, if that was asked for.
func (w *world) saveProfile(t *testing.T, m *member) {
	t.Helper()
	path := os.Getenv("BENCH_PROFILE")
	if path == "" {
		return
	}
	const seconds = 15
	w.awaitDone(t)
	require.NoError(t, m.process.Pause())
	n := w.scale.events * 2
	require.NoError(t, w.backlog.put(t.Context(), n, jsonOf(small)))
	w.sent += int64(n)
	require.NoError(t, m.process.Resume())
	require.NoError(t, <-w.profile(t, m, path, seconds))
	w.awaitDone(t)
}

// measureFreshness measures how long an event takes from its 202 until a query shows
// it, while 5 000 others a second are on the same way.
func (w *world) measureFreshness(t *testing.T) {
	t.Helper()
	m := w.startMember(t)
	shared := []string{"--rate", strconv.Itoa(perSecond), "--batch", "10", "--payload", "300", "--duplicates", "0.02"}
	warm, length := (w.scale.length / 10).String(), w.scale.length
	w.load(t, m, append(shared, "--probe", "0", "--duration", warm, "--ramp", warm)...)
	report := w.load(t, m, append(shared, "--probe", (length/100).String(), "--duration", length.String())...)
	require.InDelta(t, perSecond*length.Seconds(), report.Events, 10, "the rate of the row's name, all the time")
	require.Equal(t, report.Probes, report.Freshness.Count, report.LastFailure)
	w.awaitDone(t)
	m.stop()
	note := fmt.Sprintf("%d probes; 500 requests/s of 10, p99 of the 202 %s ms, %d held back", report.Probes, digits(report.Latency.P99), report.HeldBack)
	w.add(row{Name: "accept → queryable at 5 000 events/s, p50", Value: report.Freshness.P50, Unit: "ms", AtMost: p50AtMost, Note: note})
	w.add(row{Name: "accept → queryable at 5 000 events/s, p99", Value: report.Freshness.P99, Unit: "ms", AtMost: p99AtMost, Note: "longest " + digits(report.Freshness.Max) + " ms"})
}

// measurePosts measures the API alone: the member knows no ClickHouse, so that it does
// not consume what it accepts.
func (w *world) measurePosts(t *testing.T) {
	t.Helper()
	const rate = "10000"
	m := w.startMember(t, "CLICKHOUSE_ADDR=127.0.0.1:1")
	shared := []string{"--batch", "100", "--payload", "300", "--probe", "0"}
	w.load(t, m, append(shared, "--rate", rate, "--duration", (w.scale.length/10).String())...)
	used := m.processorTime()
	report := w.load(t, m, append(shared, "--rate", rate, "--duration", w.scale.length.String())...)
	used = m.processorTime() - used
	m.stop()
	note := fmt.Sprintf("JSON of 300 B each, %d requests, 100/s, from when each was due; %d held back", report.Requests, report.HeldBack)
	w.add(row{Name: "POST of 100 events, p50", Value: report.Latency.P50, Unit: "ms", Note: note})
	w.add(row{Name: "POST of 100 events, p99", Value: report.Latency.P99, Unit: "ms", Note: "longest " + digits(report.Latency.Max) + " ms"})
	w.add(row{
		Name: "POST of 100 events, processor time of the API", Value: float64(used.Nanoseconds()) / 1e3 / float64(report.Events), Unit: "µs/event",
		Note: "decoding, checking, encoding, and until all replicas have it",
	})
}

// measureInserts measures how often a member inserts that waits a second for more.
func (w *world) measureInserts(t *testing.T) {
	t.Helper()
	m := w.startMember(t, "BATCH_AGE=1s")
	w.awaitDone(t) // what only the API has seen
	before := w.inserts(t)
	report := w.load(t, m, "--rate", strconv.Itoa(perSecond), "--batch", "10", "--payload", "300", "--probe", "0", "--duration", (w.scale.length / 2).String())
	w.awaitDone(t)
	inserts := w.inserts(t) - before
	m.stop()
	w.add(insertsRow(inserts, w.partitions(t), report))
}

// insertsRow divides what a load was inserted by through the load's own time: that to
// start it and to wait for the end is nobody's.
func insertsRow(inserts int64, partitions int, report loaded) row {
	n := float64(inserts)
	return row{
		Name: "inserts into post_events, one member, linger of 1 s", Value: n / report.Seconds, Unit: "/s", AtMost: insertsAtMost,
		Note: fmt.Sprintf("at 5 000 events/s, %d partitions: %s rows an insert", partitions, digits(float64(report.Events)/max(1, n))),
	}
}

func (w *world) partitions(t *testing.T) int {
	t.Helper()
	ends, err := w.kafka.Ends(t.Context(), topic)
	require.NoError(t, err)
	return len(ends)
}
