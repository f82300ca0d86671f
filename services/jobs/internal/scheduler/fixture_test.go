package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kind makes tasks that do what the test wants, and keeps when they ran.
type kind struct {
	mu   sync.Mutex
	runs []string
	// running and most are how many run, and ran, at a time.
	running, most int
	do            func(ctx context.Context, name string) (int, error)
}

type task struct {
	kind *kind
	name string
}

func (k *kind) Task(params []byte) (scheduler.Task, error) {
	var p struct{ Name string }
	if err := json.Unmarshal(params, &p); err != nil || p.Name == "" {
		return nil, errors.New("params.name: is required")
	}
	return task{kind: k, name: p.Name}, nil
}

func (t task) Run(ctx context.Context, freshFor time.Duration) (int, error) {
	k := t.kind
	k.mu.Lock()
	k.runs = append(k.runs, t.name+" "+time.Now().UTC().Format("04:05")+" fresh "+freshFor.String())
	k.running++
	k.most = max(k.most, k.running)
	do := k.do
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.running--
	}()
	if do == nil {
		return 7, nil
	}
	return do(ctx, t.name)
}

// does is what tasks do from now on; nil is to have seven rows at once.
func (k *kind) does(do func(ctx context.Context, name string) (int, error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.do = do
}

// blocks makes tasks run until they are cut short.
func (k *kind) blocks() {
	k.does(func(ctx context.Context, _ string) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
}

// ran are the runs so far.
func (k *kind) ran() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.runs)
}

type health struct {
	mu       sync.Mutex
	degraded map[string]string
}

func (h *health) Degraded(part, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.degraded[part] = reason
}

func (h *health) Healthy(part string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.degraded, part)
}

// counts is a meter that counts runs by their outcome.
type counts struct {
	noop.Meter

	mu   sync.Mutex
	runs map[string]int64
}

// runCounter is job_refresh_total.
type runCounter struct {
	noop.Int64Counter

	*counts
}

func (c *counts) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	if name == "job_refresh_total" {
		return runCounter{counts: c}, nil
	}
	return noop.Int64Counter{}, nil
}

func (c runCounter) Add(_ context.Context, n int64, options ...metric.AddOption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := metric.NewAddConfig(options).Attributes()
	outcome, _ := of.Value("outcome")
	c.runs[outcome.AsString()] += n
}

// logBuffer is the log as it was written; tests read it when nobody writes.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// replica is one Scheduler at work.
type replica struct {
	*scheduler.Scheduler

	t      *testing.T
	kind   *kind
	claims *claims
	counts *counts
	health *health
	log    *logBuffer
	ready  chan struct{}
	stop   context.CancelFunc
	done   chan error
	offset int64
}

// options is how a replica begins; the zero options are those of most tests.
type options struct {
	claims    *claims
	fromFile  bool
	isWaiting bool
}

// newReplica starts a replica in a test that runs in a bubble, where it is
// 2000-01-01 00:00:00 at first.
func newReplica(t *testing.T, with options) *replica {
	t.Helper()
	r := &replica{
		t: t, kind: &kind{}, claims: with.claims, health: &health{degraded: map[string]string{}}, log: &logBuffer{},
		counts: &counts{runs: map[string]int64{}}, ready: make(chan struct{}), done: make(chan error, 1),
	}
	if r.claims == nil {
		r.claims = newClaims()
	}
	if !with.isWaiting {
		close(r.ready)
	}
	s, err := scheduler.New(scheduler.Config{Timeout: 5 * time.Second, Concurrency: 2}, scheduler.Deps{
		Kinds: map[string]scheduler.Kind{"test": r.kind}, Claims: r.claims, Ready: r.ready, FromFile: with.fromFile,
		Log: slog.New(slog.NewTextHandler(r.log, nil)), Meter: r.counts, Health: r.health,
	})
	require.NoError(t, err)
	r.Scheduler = s
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() { r.done <- s.Run(ctx) }()
	t.Cleanup(r.end)
	return r
}

func (r *replica) end() {
	r.stop()
	if r.done != nil {
		assert.NoError(r.t, <-r.done)
		r.done = nil
	}
}

// assign gives the replica the topic, read to its end.
func (r *replica) assign(rows ...row) {
	r.t.Helper()
	r.Assigned(map[string]consumer.Share{"cdc.job_definitions": {Partitions: []int{0, 1, 2}, Of: 3}})
	r.define(rows...)
	r.CaughtUp()
	synctest.Wait()
}

// row is a row of job_definitions; params default to those of a task named so.
type row struct {
	name, kind, schedule, params string
	disabled                     bool
	version                      string
}

func (r *replica) define(rows ...row) {
	r.t.Helper()
	for _, d := range rows {
		if d.kind == "" {
			d.kind = "test"
		}
		if d.params == "" {
			d.params = `{"name":"` + d.name + `"}`
		}
		after, err := json.Marshal(map[string]any{
			"name": d.name, "kind": d.kind, "schedule": d.schedule, "enabled": !d.disabled, "params": d.params, "updated_at": d.version,
		})
		require.NoError(r.t, err)
		r.handle(`{"name":"`+d.name+`"}`, `{"before":null,"after":`+string(after)+`,"source":{"name":"nova","lsn":8},"op":"u"}`)
	}
}

// remove is the tombstone of a row.
func (r *replica) remove(name string) {
	r.t.Helper()
	r.handle(`{"name":"`+name+`"}`, "")
}

func (r *replica) handle(key, value string) {
	r.t.Helper()
	record := consumer.Record{Topic: "cdc.job_definitions", Offset: r.offset, Key: []byte(key)}
	if value != "" {
		record.Value = []byte(value)
	}
	r.offset++
	require.NoError(r.t, r.Handle(r.t.Context(), []consumer.Record{record}))
	synctest.Wait()
}

// die ends the replica as kill -9 does: nothing is given back, or marked.
func (r *replica) die() {
	r.claims.failWith(errors.New("the process is gone"))
	r.end()
	r.claims.failWith(nil)
}

// pass lets time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// job returns how a job is.
func (r *replica) job(name string) scheduler.Status {
	r.t.Helper()
	jobs, _ := r.Jobs()
	at := slices.IndexFunc(jobs, func(j scheduler.Status) bool { return j.Name == name })
	require.GreaterOrEqual(r.t, at, 0, "there is no job %s", name)
	return jobs[at]
}

// names are those of the replica's jobs.
func (r *replica) names() []string {
	jobs, _ := r.Jobs()
	names := make([]string, len(jobs))
	for i, j := range jobs {
		names[i] = j.Name
	}
	return names
}
