package invalidator

import (
	"errors"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/invalidator/internal/sweep"
)

// Config is everything an operator sets.
type Config struct {
	AdminAddr  string             `split_words:"true" default:"127.0.0.1:9103" desc:"Address (host:port) of /metrics, /readyz, /livez and /debug/pprof."`
	Sweep      sweep.Config       `envconfig:"SWEEP"`
	Telemetry  telemetry.Config   `envconfig:""`
	Kafka      broker.Config      `envconfig:"KAFKA"`
	Consumer   consumer.Config    `envconfig:""`
	Positions  consumer.Positions `envconfig:""`
	ClickHouse clickhouse.Config  `envconfig:"CLICKHOUSE"`
	Redis      redis.Config       `envconfig:"REDIS"`
	Cache      feedcache.Config   `envconfig:"CACHE"`
}

// Defaults implements config.Defaulter: a stale page is seen by somebody, so
// batches are young; pages that are older than the group, or than what is left of
// a topic, have ended.
func (c Config) Defaults() map[string]string {
	return map[string]string{"START_OFFSETS": "latest", "ON_DATA_LOSS": "skip", "BATCH_AGE": "20ms"}
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	if c.AdminAddr == "" {
		return errors.New("ADMIN_ADDR must be set")
	}
	return nil
}
