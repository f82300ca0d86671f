package cdcingest

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
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/pkg/sink"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/cdc-ingest/internal/ingest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/source"
	"github.com/nova-data/nova/services/cdc-ingest/internal/store"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

const (
	service = "cdc-ingest"
	group   = "nova-cdc-ingest"

	// schemaVersion has every table that is written here, and their views: rows
	// inserted before a view exists would be missing from it.
	schemaVersion = 3

	// afterConsumer is the time left for the rest once the consumer has drained.
	afterConsumer = 5 * time.Second
)

// Run runs the service until ctx ends, then drains and returns. The log goes to
// output. Its errors are those of the configuration, of the admin address, and of a
// drain that took too long; dependencies that are away are waited for.
func Run(ctx context.Context, cfg Config, output io.Writer) (err error) {
	watch, err := telemetry.New(cfg.Telemetry, telemetry.Deps{Service: service, AdminAddr: cfg.AdminAddr, Output: output})
	if err != nil {
		return err
	}
	kafka, err := broker.Open(cfg.Kafka)
	if err != nil {
		return err
	}
	defer kafka.Close()
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: watch.Log, Meter: watch.Meter("clickhouse")})
	if err != nil {
		return err
	}
	defer pool.Close()
	letters, err := producer.New(letterConfig(cfg), producer.Deps{Broker: kafka, Log: watch.Log, Meter: watch.Meter("letters")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, letters.Close()) }()
	member, err := join(cfg, watch, connections{kafka, pool, letters}) //nolint:contextcheck // a breaker outlives its calls
	if err != nil {
		return err
	}

	origin, err := watchSource(cfg, kafka, watch)
	if err != nil {
		return err
	}

	members := lifecycle.NewGroup(watch.Log, cfg.Consumer.DrainTimeout+afterConsumer)
	members.Add("admin server", watch.ServeAdmin)
	members.Add("source watcher", origin.Run)
	members.Add("consumer", func(ctx context.Context) error {
		if err := schema.Wait(ctx, pool, schemaVersion, watch.Log); err != nil {
			return err
		}
		watch.Health.Ready()
		return member.Run(ctx)
	})
	defer context.AfterFunc(ctx, watch.Health.Draining)()
	return members.Run(ctx)
}

// connections are what the member works over.
type connections struct {
	kafka *broker.Cluster
	pool  *clickhouse.Pool
	// out publishes dead letters, and events if there are any.
	out *producer.Producer
}

// join makes the member of the group, and the admin calls about its work. Batches
// have no plans: their rows may be stored again.
func join(cfg Config, watch *telemetry.Telemetry, to connections) (*consumer.Consumer, error) {
	faults := failpoint.New(cfg.Failpoints, watch.Log)
	watch.HandleAdmin("/failpoints", faults)
	guard, err := dlq.NewGuard(cfg.Guard, dlq.GuardDeps{Log: watch.Log, Meter: watch.Meter("dlq"), Health: watch.Health})
	if err != nil {
		return nil, err
	}
	watch.HandleAdmin("/dlq/resume", guard)
	writer, err := newWriter(cfg, to.pool, watch, faults)
	if err != nil {
		return nil, err
	}
	tables := table.All()
	stored, err := ingest.New(ingest.Deps{
		Tables: tables, Epochs: cfg.CDCEpochs, Store: store.New(writer), Pinger: to.pool,
		Writer: sink.ClickHouse(writer), Letters: dlq.NewWriter(cfg.DLQTopic, to.out), Guard: guard,
		PostEvents: cfg.CDCPostEvents, Events: to.out,
		Failpoints: faults, Log: watch.Log, Meter: watch.Meter("ingest"),
	})
	if err != nil {
		return nil, err
	}
	topics := make([]string, 0, len(tables))
	for _, t := range tables {
		topics = append(topics, t.Topic())
	}
	return consumer.New(cfg.Consumer, consumer.Deps{
		Broker: to.kafka, Group: group, Topics: topics, Sink: stored, Positions: cfg.Positions,
		Log: watch.Log, Meter: watch.Meter("consumer"), Health: watch.Health, Failpoints: faults,
	})
}

func newWriter(cfg Config, pool *clickhouse.Pool, watch *telemetry.Telemetry, faults *failpoint.Set) (*clickhouse.Writer, error) {
	guarded, err := breaker.New(cfg.ClickHouseBreaker, breaker.Deps{
		Name: "clickhouse", IsFailure: clickhouse.IsInfrastructure, Log: watch.Log, Meter: watch.Meter("breaker"), Health: watch.Health,
	})
	if err != nil {
		return nil, err
	}
	// No block has a token, so none is ever too old for it.
	return clickhouse.NewWriter(clickhouse.WriterConfig{MaxAge: time.Hour}, clickhouse.WriterDeps{
		Pool: pool, Breaker: guarded, Failpoints: faults, Log: watch.Log, Meter: watch.Meter("clickhouse"),
	})
}

// watchSource makes what watches the slot, the connector and its heartbeats.
func watchSource(cfg Config, kafka *broker.Cluster, watch *telemetry.Telemetry) (*source.Watcher, error) {
	return source.New(cfg.Source, source.Deps{
		PostgresDSN: cfg.PostgresDSN.Reveal(), ConnectURL: cfg.ConnectURL,
		Kafka: kafka, HeartbeatTopic: source.HeartbeatTopic(cfg.CDCEpochs),
		Log: watch.Log, Meter: watch.Meter("source"), Health: watch.Health,
	})
}

// letterConfig is for a producer of few and large records.
func letterConfig(cfg Config) producer.Config {
	return producer.Config{
		MaxRecordBytes: cfg.DLQMaxRecordBytes,
		BatchBytes:     cfg.DLQMaxRecordBytes / 4,
		BatchRecords:   1000,
		Linger:         2 * time.Millisecond,
		RequestTimeout: 10 * time.Second,
	}
}
