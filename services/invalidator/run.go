package invalidator

import (
	"context"
	"io"
	"time"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/invalidator/internal/audience"
	"github.com/nova-data/nova/services/invalidator/internal/cause"
	"github.com/nova-data/nova/services/invalidator/internal/invalidate"
	"github.com/nova-data/nova/services/invalidator/internal/sweep"
)

const (
	service = "invalidator"
	group   = "nova-invalidator"

	// schemaVersion is the first with user_followers_current.
	schemaVersion = 3

	// afterConsumer is the time left for the rest once the consumer has drained.
	afterConsumer = 5 * time.Second
)

// Run runs the service until ctx ends, then drains and returns. The log goes to
// output. Its errors are those of the configuration, of the admin address, and of
// a drain that took too long; dependencies that are away are waited for.
func Run(ctx context.Context, cfg Config, output io.Writer) error {
	watch, err := telemetry.New(cfg.Telemetry, telemetry.Deps{Service: service, AdminAddr: cfg.AdminAddr, Output: output})
	if err != nil {
		return err
	}
	kafka, err := broker.Open(cfg.Kafka)
	if err != nil {
		return err
	}
	defer kafka.Close()
	store, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: watch.Log, Meter: watch.Meter("clickhouse")})
	if err != nil {
		return err
	}
	defer store.Close()
	pages, err := feedcache.Open(cfg.Redis, cfg.Cache, feedcache.Deps{Meter: watch.Meter("feedcache")})
	if err != nil {
		return err
	}
	defer pages.Close()

	members := lifecycle.NewGroup(watch.Log, cfg.Consumer.DrainTimeout+afterConsumer)
	members.Add("admin server", watch.ServeAdmin)
	handler, err := newHandler(cfg, store, pages, members, watch)
	if err != nil {
		return err
	}
	reader, err := consumer.New(cfg.Consumer, consumer.Deps{
		Broker: kafka, Group: group, Topics: cause.Topics(), Handler: handler, Positions: cfg.Positions,
		Log: watch.Log, Meter: watch.Meter("consumer"), Health: watch.Health,
	})
	if err != nil {
		return err
	}
	members.Add("consumer", func(ctx context.Context) error {
		if err := awaitSchema(ctx, store, watch); err != nil {
			return err
		}
		return reader.Run(ctx)
	})
	watch.Health.Ready()
	defer context.AfterFunc(ctx, watch.Health.Draining)()
	return members.Run(ctx)
}

// newHandler makes the handler and adds the sweeper that it waits for to members.
func newHandler(cfg Config, store *clickhouse.Pool, pages *feedcache.Cache, members *lifecycle.Group, watch *telemetry.Telemetry) (*invalidate.Handler, error) {
	metrics, err := invalidate.NewMetrics(watch.Meter("invalidate"))
	if err != nil {
		return nil, err
	}
	deps := invalidate.Deps{Audience: audience.New(store), Cache: pages, Metrics: metrics, Log: watch.Log}
	if cfg.Sweep.Enabled {
		sweeper, err := sweep.New(cfg.Sweep, sweep.Deps{
			Cache: pages, Meter: watch.Meter("sweep"),
			Removed: func(ctx context.Context, count int) { metrics.Removed(ctx, invalidate.Sweep, count) },
		})
		if err != nil {
			return nil, err
		}
		members.Add("sweeper", sweeper.Run)
		deps.Sweeper = sweeper
	}
	return invalidate.New(deps), nil
}

// awaitSchema keeps the consumer out of the group until the tables are there.
func awaitSchema(ctx context.Context, store *clickhouse.Pool, watch *telemetry.Telemetry) error {
	const part = "schema"
	watch.Health.Degraded(part, "waiting for the ClickHouse schema: no page is removed yet")
	if err := schema.Wait(ctx, store, schemaVersion, watch.Log); err != nil {
		return err
	}
	watch.Health.Healthy(part)
	return nil
}
