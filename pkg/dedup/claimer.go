package dedup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/redis"
)

// Breaker keeps calls away from a Redis that does not work.
type Breaker interface {
	// Do makes the call and returns its error as it is, or, without making it, an
	// error that is breaker.ErrOpen.
	Do(ctx context.Context, call func(ctx context.Context) error) error
}

// Health is told what works worse than it should.
type Health interface {
	// Degraded says that part is impaired, and why, until Healthy.
	Degraded(part, reason string)
	// Healthy takes back what Degraded said of part.
	Healthy(part string)
}

// Deps is what a Claimer is given by its owner.
type Deps struct {
	Log   *slog.Logger
	Meter metric.Meter
	// Breaker is that of the Redis which keeps the claims, with IsFailure. Nil
	// means none: then every call is made, and none is bypassed.
	Breaker Breaker
	// Health is told when deduplication is bypassed. It may be nil.
	Health Health
	// Failpoints are for fault tests; nil, as a rule.
	Failpoints *failpoint.Set
}

// Claimer claims events in Redis.
type Claimer struct {
	ttl      time.Duration
	timeout  time.Duration
	takeover string
	// pipelineSize and maxPipelines are the constants, but for benchmarks.
	pipelineSize, maxPipelines int

	connector *redis.Connector
	breaker   Breaker
	bypass    *bypass // nil: pause
	conflicts *conflictLog
	metrics   *metrics

	failpoints *failpoint.Set
}

// Open prepares a Claimer without connecting. Its errors are those of certificate
// files and of the meter.
func Open(shared redis.Config, cfg Config, deps Deps) (*Claimer, error) {
	connector, err := cfg.connector(shared)
	if err != nil {
		return nil, err
	}
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	c := &Claimer{
		ttl:          cfg.TTL,
		timeout:      cfg.Timeout,
		takeover:     takeoverName(),
		pipelineSize: pipelineSize, maxPipelines: maxPipelines,
		connector:  connector,
		breaker:    deps.Breaker,
		conflicts:  &conflictLog{log: deps.Log},
		metrics:    metrics,
		failpoints: deps.Failpoints,
	}
	if c.breaker == nil {
		c.breaker = direct{}
	}
	if cfg.OnFailure == Bypass {
		c.bypass = &bypass{log: deps.Log, health: deps.Health}
	}
	return c, nil
}

// direct makes every call.
type direct struct{}

func (direct) Do(ctx context.Context, call func(context.Context) error) error { return call(ctx) }

// IsFailure tells what speaks against Redis, for its breaker: every error but
// that of a caller that gave up.
func IsFailure(err error) bool { return err != nil && !errors.Is(err, context.Canceled) }

// Close closes the connections. A later Claim connects again.
func (c *Claimer) Close() { c.connector.Close() }

// Claim returns for each claim whether its record is the one to store. After an
// error nothing is decided, though a part of the claims may stand: the same
// claims are to be made again. Each pipeline ends by Config.Timeout.
func (c *Claimer) Claim(ctx context.Context, claims []Claim) ([]bool, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	b := NewBatch(claims)
	err := c.claim(ctx, b)
	switch {
	case err == nil:
		c.bypass.end()
		c.failpoints.Hit(failpoint.AfterClaim)
	case c.bypass.begins(ctx, err):
		c.metrics.bypassed(ctx, b.bypass())
	default:
		return nil, fmt.Errorf("claiming %d events in Redis: %w", len(claims), err)
	}
	c.metrics.claimed(ctx, b)
	c.conflicts.note(b.conflicts, b.example)
	return b.kept, nil
}

// claim settles b in one call of the breaker.
func (c *Claimer) claim(ctx context.Context, b *Batch) error {
	return c.breaker.Do(ctx, func(ctx context.Context) error {
		if err := c.probe(ctx); err != nil {
			return err
		}
		client, err := c.connector.Client(ctx)
		if err != nil {
			return err
		}
		return (&call{Claimer: c, client: client, batch: b}).run(ctx, b.Heads())
	})
}

// probe asks a Redis that is bypassed for a sign of life, without waiting long:
// a call that claims would hold its batch up for the whole timeout.
func (c *Claimer) probe(ctx context.Context) error {
	if !c.bypass.isActive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, min(c.timeout, probeTimeout))
	defer cancel()
	client, err := c.connector.Client(ctx)
	if err != nil {
		return err
	}
	return client.Do(ctx, client.B().Ping().Build()).Error()
}
