package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
)

// Health is told what works worse than it should.
type Health interface {
	// Degraded says that part is impaired, and why, until Healthy.
	Degraded(part, reason string)
	// Healthy takes back what Degraded said of part.
	Healthy(part string)
}

// Deps is what a Watcher is given by its owner.
type Deps struct {
	// PostgresDSN is the primary's address; "" leaves the slot out.
	PostgresDSN string
	// ConnectURL is Kafka Connect's REST address; "" leaves the connector out.
	ConnectURL string
	Kafka      *broker.Cluster
	// HeartbeatTopic is left out while it is empty. It must exist if there is a
	// ConnectURL.
	HeartbeatTopic string

	Log    *slog.Logger
	Meter  metric.Meter
	Health Health
}

// Watcher watches the source.
type Watcher struct {
	interval time.Duration
	parts    []part
	metrics  *metrics
	log      *slog.Logger
	health   Health
}

// part is one thing that is watched.
type part interface {
	// name is its name in the health report.
	name() string
	// look says what is wrong. It is called again and again, by one goroutine.
	look(ctx context.Context) finding
	// close gives up what look has kept; it waits no longer than a second.
	close(ctx context.Context)
}

// finding is what is wrong with a part. The zero finding is nothing.
type finding struct {
	// kind stays the same while the same is wrong.
	kind string
	// text says it, with figures, and fix what to do.
	text, fix string
}

// isUnreachable is the kind of a part that cannot be asked.
const isUnreachable = "unreachable"

// lookTimeout bounds one look.
const lookTimeout = 10 * time.Second

// New returns a watcher of what deps names. Its errors are those of cfg and of the
// meter.
func New(cfg Config, deps Deps) (*Watcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the configuration of the source: %w", err)
	}
	made, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating the metrics of the source: %w", err)
	}
	w := &Watcher{interval: cfg.Interval, metrics: made, log: deps.Log, health: deps.Health}
	w.parts = append(w.parts, &heartbeat{cfg: cfg, kafka: deps.Kafka, topic: deps.HeartbeatTopic, isNeeded: deps.ConnectURL != "", log: deps.Log, metrics: made})
	if deps.PostgresDSN != "" {
		w.parts = append(w.parts, &slot{cfg: cfg, dsn: deps.PostgresDSN, metrics: made})
	}
	if deps.ConnectURL != "" {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		w.parts = append(w.parts, &connector{cfg: cfg, connect: connect.New(deps.ConnectURL, client), metrics: made})
	}
	return w, nil
}

// Run watches until ctx ends, and returns its error.
func (w *Watcher) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	for _, p := range w.parts {
		watching.Go(func() { w.watch(ctx, p) })
	}
	watching.Wait()
	return context.Cause(ctx)
}

func (w *Watcher) watch(ctx context.Context, p part) {
	defer p.close(ctx)
	tick := time.NewTicker(w.interval)
	defer tick.Stop()
	last := ""
	for {
		last = w.look(ctx, p, last)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look looks at a part, tells what is wrong, and returns its kind. Last is the kind
// of the look before.
func (w *Watcher) look(ctx context.Context, p part, last string) string {
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found := p.look(looking)
	if ctx.Err() != nil {
		return last // what ended with ctx says nothing
	}
	w.metrics.judged(p.name(), found.kind != "")
	switch {
	case found.kind != "":
		w.health.Degraded(p.name(), found.text+": "+found.fix)
		if found.kind != last {
			w.log.Warn("source unhealthy", "part", p.name(), "problem", found.text, "fix", found.fix)
		}
	case last != "":
		w.health.Healthy(p.name())
		w.log.Info("source healthy again", "part", p.name())
	}
	return found.kind
}

// unreachable is the finding of a server that gives no answer.
func unreachable(fix string, err error) finding {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", lookTimeout)
	}
	return finding{kind: isUnreachable, text: err.Error(), fix: fix}
}
