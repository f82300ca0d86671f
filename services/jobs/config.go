package jobs

import (
	"errors"
	"time"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/telemetry"
)

// Config is everything an operator sets.
type Config struct {
	Telemetry      telemetry.Config  `envconfig:""`
	MigrateTimeout time.Duration     `split_words:"true" default:"60s" desc:"Time that a migration waits for ClickHouse and for Kafka to answer."`
	Kafka          broker.Config     `envconfig:"KAFKA"`
	ClickHouse     clickhouse.Config `envconfig:"CLICKHOUSE"`
	Schema         schema.Config     `envconfig:"CLICKHOUSE"`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	if c.MigrateTimeout <= 0 {
		return errors.New("MIGRATE_TIMEOUT must be positive")
	}
	return nil
}
