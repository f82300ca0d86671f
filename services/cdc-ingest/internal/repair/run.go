package repair

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
	"github.com/nova-data/nova/services/cdc-ingest/internal/doctor"
	"github.com/nova-data/nova/services/cdc-ingest/internal/store"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// connectTimeout bounds one question to Kafka Connect.
const connectTimeout = 10 * time.Second

// connector returns nil without an address.
func (c Config) connector() *connect.Client {
	if c.ConnectURL == "" {
		return nil
	}
	return connect.New(c.ConnectURL, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: connectTimeout})
}

// openKafka reads the variables and opens the Kafka that they name.
func openKafka() (cfg Config, kafka *broker.Cluster, err error) {
	if err := config.Load(&cfg); err != nil {
		return Config{}, nil, err
	}
	kafka, err = broker.Open(cfg.Kafka)
	return cfg, kafka, err
}

func runEpoch(ctx context.Context, group string, args []string, to printer) error {
	e, err := parseEpoch(args)
	if err != nil {
		return err
	}
	cfg, kafka, err := openKafka()
	if err != nil {
		return err
	}
	defer kafka.Close()
	if e.isBegun {
		return begin(ctx, e.prefix, cfg.CDCEpochs, kafka, to.out)
	}
	return finish(ctx, cfg, e, offsets.New(kafka, group), to)
}

// finish opens what the end of an epoch needs beside Kafka.
func finish(ctx context.Context, cfg Config, e ending, group Group, to printer) error {
	epoch, isMapped := cfg.CDCEpochs[e.prefix]
	if !isMapped {
		return fmt.Errorf("CDC_EPOCHS is %s, without %s: give the command what the service has", cfg.CDCEpochs, e.prefix)
	}
	e.epoch = epoch
	log := slog.New(slog.DiscardHandler)
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: log, Meter: noop.Meter{}})
	if err != nil {
		return err
	}
	defer pool.Close()
	// No block has a token, so none is ever too old for it.
	writer, err := clickhouse.NewWriter(clickhouse.WriterConfig{MaxAge: time.Hour}, clickhouse.WriterDeps{Pool: pool, Log: log, Meter: noop.Meter{}})
	if err != nil {
		return err
	}
	return e.run(ctx, endingDeps{
		group: group, connect: cfg.connector(), stored: pool, store: store.New(writer), out: to.out, say: to.say,
	})
}

func runRewind(ctx context.Context, group string, args []string, to printer) error {
	r, err := parseRewind(args)
	if err != nil {
		return err
	}
	_, kafka, err := openKafka()
	if err != nil {
		return err
	}
	defer kafka.Close()
	return r.run(ctx, offsets.New(kafka, group), to.out, to.say)
}

func runResync(ctx context.Context, args []string, to printer) error {
	r, err := parseResync(args)
	if err != nil {
		return err
	}
	var cfg Config
	if err := config.Load(&cfg); err != nil {
		return err
	}
	if cfg.PostgresDSN == "" {
		return errors.New("POSTGRES_DSN is required")
	}
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pgx.Connect(ctx, cfg.PostgresDSN.Reveal())
	if err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return r.run(ctx, resyncDeps{
		conn: conn, connect: cfg.connector(), canFill: doctor.CanFill(pool, table.All(), cfg.CDCEpochs), say: to.say,
	})
}
