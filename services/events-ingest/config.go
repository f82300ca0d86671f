package eventsingest

import (
	"errors"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dedup"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/producer"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/events-ingest/internal/api"
)

// Config is everything an operator sets.
type Config struct {
	HTTP              api.Config              `envconfig:"HTTP"`
	AdminAddr         string                  `split_words:"true" default:"127.0.0.1:9102" desc:"Address (host:port) of /metrics, /readyz, /livez and /debug/pprof."`
	DLQMaxRecordBytes int                     `split_words:"true" default:"4000000" desc:"Bytes that a dead letter may have; the max.message.bytes of events-dlq must be larger."`
	Telemetry         telemetry.Config        `envconfig:""`
	Kafka             broker.Config           `envconfig:"KAFKA"`
	Producer          producer.Config         `envconfig:"PRODUCER"`
	Consumer          consumer.Config         `envconfig:""`
	Positions         consumer.Positions      `envconfig:""`
	ClickHouse        clickhouse.Config       `envconfig:"CLICKHOUSE"`
	ClickHouseBreaker breaker.Config          `envconfig:"CLICKHOUSE_BREAKER"`
	Plan              clickhouse.WriterConfig `envconfig:"PLAN"`
	Redis             redis.Config            `envconfig:"REDIS"`
	Dedup             dedup.Config            `envconfig:"DEDUP"`
	RedisBreaker      breaker.Config          `envconfig:"DEDUP_BREAKER"`
	Guard             dlq.GuardConfig         `envconfig:"DLQ_GUARD"`
	Failpoints        failpoint.Config        `envconfig:"FAILPOINTS"`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.AdminAddr == "" {
		problems = append(problems, errors.New("ADMIN_ADDR must be set"))
	}
	if c.DLQMaxRecordBytes <= c.Producer.MaxRecordBytes {
		problems = append(problems, errors.New("DLQ_MAX_RECORD_BYTES must be above PRODUCER_MAX_RECORD_BYTES, or a record may be too large for its letter"))
	}
	// A copy must meet the claim of the first, however late it is accepted.
	if c.HTTP.MaxEventAge+c.HTTP.MaxEventAhead >= c.Dedup.TTL {
		problems = append(problems, errors.New("HTTP_MAX_EVENT_AGE and HTTP_MAX_EVENT_AHEAD must together be below DEDUP_TTL"))
	}
	// A replay must meet the claims that its batch was prepared with.
	if c.Plan.MaxAge >= c.Dedup.TTL {
		problems = append(problems, errors.New("PLAN_MAX_AGE must be below DEDUP_TTL"))
	}
	return errors.Join(problems...)
}

// letterProducer is how dead letters are published: few, and larger than what
// they hold.
func (c Config) letterProducer() producer.Config {
	letters := c.Producer
	letters.MaxRecordBytes = c.DLQMaxRecordBytes
	return letters
}
