package eventsingest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/httpserver"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
	"github.com/nova-data/nova/services/events-ingest/internal/ingest"
)

const (
	topic        = "events"
	lettersTopic = "events-dlq"
	group        = "nova-events-ingest"
	// schemaVersion is the first with post_events and its views.
	schemaVersion = 2

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
	store, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: watch.Log, Meter: watch.Meter("clickhouse")})
	if err != nil {
		return err
	}
	defer store.Close()
	claimer, err := dedup.Open(cfg.Redis, cfg.Dedup, dedup.Deps{Log: watch.Log, Meter: watch.Meter("dedup")})
	if err != nil {
		return err
	}
	defer claimer.Close()

	member, err := join(cfg, kafka, watch, ingest.Deps{
		Claimer: claimer, Store: store, Letters: dlq.NewWriter(lettersTopic, letters),
		Log: watch.Log, Meter: watch.Meter("ingest"),
	})
	if err != nil {
		return err
	}
	server, err := listen(ctx, cfg, accepted, watch)
	if err != nil {
		return err
	}

	members := lifecycle.NewGroup(watch.Log, drainTimeout(cfg))
	members.Add("admin server", watch.ServeAdmin)
	members.Add("consumer", func(ctx context.Context) error {
		if err := awaitSchema(ctx, store, watch); err != nil {
			return err
		}
		return member.Run(ctx)
	})
	members.Add("events API", server.Run)
	watch.Health.Ready()
	defer context.AfterFunc(ctx, watch.Health.Draining)()
	return members.Run(ctx)
}

func join(cfg Config, kafka *broker.Cluster, watch *telemetry.Telemetry, deps ingest.Deps) (*consumer.Consumer, error) {
	handler, err := ingest.New(deps)
	if err != nil {
		return nil, err
	}
	return consumer.New(cfg.Consumer, consumer.Deps{
		Broker: kafka, Group: group, Topics: []string{topic}, Handler: handler, Positions: cfg.Positions,
		Log: watch.Log, Meter: watch.Meter("consumer"), Health: watch.Health,
	})
}

// drainTimeout is the time for the slowest request, then for the batch in hand,
// then for the rest.
func drainTimeout(cfg Config) time.Duration {
	return cfg.HTTP.Server().DrainTime() + cfg.Consumer.DrainTimeout + afterConsumer
}

func listen(ctx context.Context, cfg Config, publisher *producer.Producer, watch *telemetry.Telemetry) (*httpserver.Server, error) {
	handler, err := api.NewHandler(cfg.HTTP, api.Deps{
		Topic: topic, Publisher: publisher, Health: watch.Health,
		Log: watch.Log, Meter: watch.Meter("api"), Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	return httpserver.Listen(ctx, cfg.HTTP.Server(), handler, watch.Log)
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
