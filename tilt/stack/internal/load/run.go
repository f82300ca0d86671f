package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

// Querier reads ClickHouse; a *clickhouse.Pool is one. Its connections are to the
// database that holds Nova's tables.
type Querier interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Deps is what a load works with, beside the API.
type Deps struct {
	// ClickHouse is asked for marker events; nil: freshness is not measured.
	ClickHouse Querier
	// Progress is called once a second with what there is so far. It may be nil.
	Progress func(Report)
	// Network replaces that of the machine. It may be nil.
	Network http.RoundTripper
}

const (
	// lead is how long the goroutines have until the first arrival.
	lead          = 100 * time.Millisecond
	progressEvery = time.Second
	reachWithin   = 5 * time.Second
	// grace is how long after Duration held back requests are still sent: without an
	// end, a load of ten times what the API takes would last ten times as long.
	grace = 10 * time.Second
)

// runner is one load at work.
type runner struct {
	plan

	api      *eventsapi.Client
	recorder *recorder
	next     atomic.Int64 // request
}

// Run puts the load on the API until its time is over, and for at most 10 s more what
// is held back by then, or until ctx ends. Requests under way still get their answers,
// within their time limit. Its error is that of
// cfg, of an API that cannot be reached, or an *eventsapi.RefusedError; the report
// is what was measured until then.
func Run(ctx context.Context, cfg Config, deps Deps) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{Config: cfg}, fmt.Errorf("checking the load: %w", err)
	}
	api := newClient(cfg, deps.Network)
	defer api.Close()
	if deps.Network == nil {
		if err := reach(ctx, cfg.URL); err != nil {
			return Report{Config: cfg}, err
		}
	}
	r := &runner{plan: newPlan(cfg, time.Now().Add(lead)), api: api, recorder: newRecorder(cfg.Batch)}
	working, stop := context.WithCancel(ctx)
	defer stop()
	p := newProbe(r, deps.ClickHouse)
	var beside, watching errgroup.Group
	beside.Go(func() error { return r.tell(working, deps.Progress) })
	beside.Go(func() error { return p.send(working) })
	watching.Go(func() error { return p.watch(ctx) })

	err := r.sendAll(ctx)
	elapsed := time.Since(r.start)
	stop()
	err = errors.Join(err, beside.Wait())
	p.finish()
	err = errors.Join(err, watching.Wait())
	report := r.recorder.report(max(elapsed, 0))
	report.Config = cfg
	report.NotSent = r.requests - report.Requests
	report.Interrupted = ctx.Err() != nil
	if refused := (*eventsapi.RefusedError)(nil); errors.As(err, &refused) {
		report.Refusal = strings.TrimSpace(refused.Error())
	}
	return report, err
}

func newClient(cfg Config, network http.RoundTripper) *eventsapi.Client {
	api := eventsapi.Config{
		URL: cfg.URL, ContentType: cfg.Format.contentType(), Token: cfg.Token,
		Timeout: cfg.Timeout, Connections: cfg.Connections + 1, // one is the markers'
	}
	if cfg.Gzip {
		api.Encoding = "gzip"
	}
	if network != nil {
		return eventsapi.NewWithTransport(api, network)
	}
	return eventsapi.New(api)
}

// reach fails when nobody listens at an address, which Validate has parsed.
func reach(ctx context.Context, address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("reading the address: %w", err)
	}
	port := parsed.Port()
	if port == "" {
		port = parsed.Scheme
	}
	dialer := net.Dialer{Timeout: reachWithin}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(parsed.Hostname(), port))
	if err != nil {
		return fmt.Errorf("reaching the events API (does the stack run? make up starts it): %w", err)
	}
	return conn.Close()
}

// sendAll sends all requests, each by a goroutine that has no other under way.
func (r *runner) sendAll(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range min(r.cfg.Connections, r.requests) {
		group.Go(func() error { return r.work(ctx) })
	}
	return group.Wait()
}

// work sends one request after the other. It takes a number before the request is
// due, if it can: the goroutines that wait are the connections that are free.
func (r *runner) work(ctx context.Context) error {
	composing := newComposer(r.plan)
	last := r.start.Add(r.cfg.Duration + grace)
	for ctx.Err() == nil {
		request := int(r.next.Add(1) - 1)
		if request >= r.requests || time.Now().After(last) {
			return nil
		}
		due := r.due(request)
		isHeldBack := time.Now().After(due)
		body, err := composing.body(request)
		if err != nil {
			return err
		}
		if pace.Pause(ctx, time.Until(due)) != nil {
			continue
		}
		first := request * r.cfg.Batch
		r.recorder.due(isHeldBack, r.copiesBefore(first+r.cfg.Batch)-r.copiesBefore(first))
		answer, err := r.api.Post(context.WithoutCancel(ctx), body)
		r.recorder.done(time.Since(due), answer, err)
		if answer.IsFinal() && !answer.IsAccepted() {
			return &eventsapi.RefusedError{Answer: answer}
		}
	}
	return nil
}

// tell reports progress until ctx ends.
func (r *runner) tell(ctx context.Context, progress func(Report)) error {
	if progress == nil {
		return nil
	}
	for pace.Pause(ctx, progressEvery) == nil {
		report := r.recorder.report(max(time.Since(r.start), 0))
		report.Config = r.cfg
		progress(report)
	}
	return nil
}
