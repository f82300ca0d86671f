package cdcingest

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/cdc-ingest/internal/ingest"
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
// output. Its errors are those of the configuration, of the admin address, and of a drain that took too
// long; dependencies that are away are waited for.
func Run(ctx context.Context, cfg Config, output io.Writer) error {
	reporting, err := telemetry.New(cfg.Telemetry, telemetry.Deps{Service: service, AdminAddr: cfg.AdminAddr, Output: output})
	if err != nil {
		return err
	}
	kafka, err := broker.Open(cfg.Kafka)
	if err != nil {
		return err
	}
	defer kafka.Close()
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: reporting.Log, Meter: reporting.Meter("clickhouse")})
	if err != nil {
		return err
	}
	defer pool.Close()
	letters, err := producer.New(letterConfig(cfg), producer.Deps{Broker: kafka, Log: reporting.Log, Meter: reporting.Meter("producer")})
	if err != nil {
		return err
	}
	reader, err := newConsumer(cfg, kafka, reporting, ingest.Deps{
		Tables:  table.All(),
		Epochs:  cfg.CDCEpochs,
		Store:   pool,
		Letters: dlq.NewWriter(cfg.DLQTopic, letters),
		Log:     reporting.Log,
		Meter:   reporting.Meter("ingest"),
	})
	if err != nil {
		return errors.Join(err, letters.Close())
	}

	members := lifecycle.NewGroup(reporting.Log, cfg.Consumer.DrainTimeout+afterConsumer)
	members.Add("admin server", reporting.ServeAdmin)
	members.Add("consumer", func(ctx context.Context) error {
		if err := schema.Wait(ctx, pool, schemaVersion, reporting.Log); err != nil {
			return err
		}
		reporting.Health.Ready()
		return reader.Run(ctx)
	})
	stop := context.AfterFunc(ctx, reporting.Health.Draining)
	defer stop()
	return errors.Join(members.Run(ctx), letters.Close())
}

func newConsumer(cfg Config, kafka *broker.Cluster, reporting *telemetry.Telemetry, deps ingest.Deps) (*consumer.Consumer, error) {
	handler, err := ingest.New(deps)
	if err != nil {
		return nil, err
	}
	topics := make([]string, 0, len(deps.Tables))
	for _, t := range deps.Tables {
		topics = append(topics, t.Topic())
	}
	return consumer.New(cfg.Consumer, consumer.Deps{
		Broker:  kafka,
		Group:   group,
		Topics:  topics,
		Handler: handler, Positions: cfg.Positions,
		Log:    reporting.Log,
		Meter:  reporting.Meter("consumer"),
		Health: reporting.Health,
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
