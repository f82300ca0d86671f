package eventsingest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/httpserver"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
	"github.com/nova-data/nova/services/events-ingest/internal/ingest"
)

const (
	topic        = "events"
	lettersTopic = "events-dlq"
	group        = "nova-events-ingest"
	// schemaVersion is the first with every column of post_events that is written.
	schemaVersion = 4

	// afterConsumer is the time left for the rest once the consumer has drained.
	afterConsumer = 5 * time.Second
)

// Run runs the service until ctx ends. The log goes to output. Its errors are a
// configuration that cannot work, an address in use, and work that was not
// finished within drainTimeout.
func Run(ctx context.Context, cfg Config, output io.Writer) (err error) {
	watch, err := telemetry.New(cfg.Telemetry, telemetry.Deps{Service: "events-ingest", AdminAddr: cfg.AdminAddr, Output: output})
	if err != nil {
		return err
	}
	kafka, err := broker.Open(cfg.Kafka)
	if err != nil {
		return err
	}
	defer kafka.Close()
	accepted, err := producer.New(cfg.Producer, producer.Deps{Broker: kafka, Log: watch.Log, Meter: watch.Meter("producer")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, accepted.Close()) }()
	letters, err := producer.New(cfg.letterProducer(), producer.Deps{Broker: kafka, Log: watch.Log, Meter: watch.Meter("letters")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, letters.Close()) }()
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: watch.Log, Meter: watch.Meter("clickhouse")})
	if err != nil {
		return err
	}
	defer pool.Close()
	faults := failpoint.New(cfg.Failpoints, watch.Log)
	claimer, err := openClaimer(cfg, watch, faults) //nolint:contextcheck // a breaker outlives its calls
	if err != nil {
		return err
	}
	defer claimer.Close()
	writer, err := newWriter(cfg, pool, watch, faults) //nolint:contextcheck // a breaker outlives its calls
	if err != nil {
		return err
	}
	member, err := join(cfg, kafka, watch, ingest.Deps{
		Claimer: claimer, Store: &store{writer, pool}, Writer: sink.ClickHouse(writer),
		Letters:    dlq.NewWriter(lettersTopic, letters),
		Failpoints: faults, Log: watch.Log, Meter: watch.Meter("ingest"),
	})
	if err != nil {
		return err
	}
	handler, server, err := listen(ctx, cfg, accepted, watch)
	if err != nil {
		return err
	}

	members := lifecycle.NewGroup(watch.Log, drainTimeout(cfg))
	members.Add("admin server", watch.ServeAdmin)
	members.Add("consumer", func(ctx context.Context) error {
		if err := awaitSchema(ctx, pool, watch); err != nil {
			return err
		}
		if err := awaitWindows(ctx, writer, watch); err != nil {
			return err
		}
		return member.Run(ctx)
	})
	members.Add("API tokens", handler.Run)
	members.Add("events API", server.Run)
	watch.Health.Ready()
	defer context.AfterFunc(ctx, watch.Health.Draining)()
	return members.Run(ctx)
}

// store is what is asked of ClickHouse beside storing.
type store struct {
	*clickhouse.Writer
	*clickhouse.Pool
}

func openClaimer(cfg Config, watch *telemetry.Telemetry, faults *failpoint.Set) (*dedup.Claimer, error) {
	guarded, err := breaker.New(cfg.RedisBreaker, breaker.Deps{
		Name: "redis", IsFailure: dedup.IsFailure, Log: watch.Log, Meter: watch.Meter("breaker"), Health: watch.Health,
	})
	if err != nil {
		return nil, err
	}
	return dedup.Open(cfg.Redis, cfg.Dedup, dedup.Deps{
		Breaker: guarded, Health: watch.Health, Failpoints: faults, Log: watch.Log, Meter: watch.Meter("dedup"),
	})
}

func newWriter(cfg Config, pool *clickhouse.Pool, watch *telemetry.Telemetry, faults *failpoint.Set) (*clickhouse.Writer, error) {
	guarded, err := breaker.New(cfg.ClickHouseBreaker, breaker.Deps{
		Name: "clickhouse", IsFailure: clickhouse.IsInfrastructure, Log: watch.Log, Meter: watch.Meter("breaker"), Health: watch.Health,
	})
	if err != nil {
		return nil, err
	}
	return clickhouse.NewWriter(cfg.Plan, clickhouse.WriterDeps{
		Pool: pool, Breaker: guarded, Failpoints: faults, Log: watch.Log, Meter: watch.Meter("clickhouse"),
	})
}

// join makes the member of the group, and the admin calls about its work.
func join(cfg Config, kafka *broker.Cluster, watch *telemetry.Telemetry, deps ingest.Deps) (*consumer.Consumer, error) {
	guard, err := dlq.NewGuard(cfg.Guard, dlq.GuardDeps{Log: watch.Log, Meter: watch.Meter("dlq"), Health: watch.Health})
	if err != nil {
		return nil, err
	}
	deps.Guard = guard
	watch.HandleAdmin("/dlq/resume", guard)
	watch.HandleAdmin("/failpoints", deps.Failpoints)
	stored, err := ingest.New(deps)
	if err != nil {
		return nil, err
	}
	return consumer.New(cfg.Consumer, consumer.Deps{
		Broker: kafka, Group: group, Topics: []string{topic}, Sink: stored, Plans: true, Positions: cfg.Positions,
		Log: watch.Log, Meter: watch.Meter("consumer"), Health: watch.Health, Failpoints: deps.Failpoints,
	})
}

// drainTimeout is the time for the slowest request, then for the batch in hand,
// then for the rest.
func drainTimeout(cfg Config) time.Duration {
	return cfg.HTTP.Server().DrainTime() + cfg.Consumer.DrainTimeout + afterConsumer
}

func listen(ctx context.Context, cfg Config, publisher *producer.Producer, watch *telemetry.Telemetry) (*api.Handler, *httpserver.Server, error) {
	handler, err := api.NewHandler(cfg.HTTP, api.Deps{
		Topic: topic, Publisher: publisher, Health: watch.Health,
		Log: watch.Log, Meter: watch.Meter("api"), Now: time.Now,
	})
	if err != nil {
		return nil, nil, err
	}
	server, err := httpserver.Listen(ctx, cfg.HTTP.Server(), handler, watch.Log)
	return handler, server, err
}

// awaitSchema keeps the consumer out of the group until the tables are there;
// events are accepted meanwhile.
func awaitSchema(ctx context.Context, store *clickhouse.Pool, watch *telemetry.Telemetry) error {
	const part = "schema"
	watch.Health.Degraded(part, "waiting for the ClickHouse schema: events are accepted and not stored yet")
	if err := schema.Wait(ctx, store, schemaVersion, watch.Log); err != nil {
		return err
	}
	watch.Health.Healthy(part)
	return nil
}

// windowsInterval is how soon an ALTER of the operator's is noticed.
const windowsInterval = 5 * time.Second

// awaitWindows keeps the consumer out of the group while a table would store a
// block twice that is sent twice.
func awaitWindows(ctx context.Context, writer *clickhouse.Writer, watch *telemetry.Telemetry) error {
	const part = "de-duplication windows"
	for said := ""; ; {
		err := writer.CheckWindows(ctx, ingest.Table)
		if err == nil {
			watch.Health.Healthy(part)
			return nil
		}
		watch.Health.Degraded(part, err.Error())
		if err.Error() != said {
			said = err.Error()
			watch.Log.ErrorContext(ctx, "not consuming", "error", err)
		}
		select {
		case <-time.After(windowsInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
