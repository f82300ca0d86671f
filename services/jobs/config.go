package jobs

import (
	"errors"
	"time"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/jobs/internal/api"
	"github.com/nova-data/nova/services/jobs/internal/cache"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

// Config is everything an operator sets: for the service, and for jobs migrate,
// which reads MIGRATE_TIMEOUT, KAFKA and CLICKHOUSE.
type Config struct {
	HTTP                api.Config        `envconfig:"HTTP"`
	AdminAddr           string            `split_words:"true" default:"127.0.0.1:9104" desc:"Address (host:port) of /metrics, /readyz, /livez and /debug/pprof."`
	JobsDefinitionsFile string            `split_words:"true" desc:"YAML or JSON file of job definitions, which are then read from there and not from cdc.job_definitions."`
	Job                 scheduler.Config  `envconfig:"JOB"`
	JobMaxMemoryBytes   int64             `split_words:"true" default:"2147483648" desc:"Memory that one query may use on ClickHouse."`
	Telemetry           telemetry.Config  `envconfig:""`
	MigrateTimeout      time.Duration     `split_words:"true" default:"60s" desc:"Time that a migration waits for ClickHouse and for Kafka to answer."`
	Kafka               broker.Config     `envconfig:"KAFKA"`
	Consumer            consumer.Config   `envconfig:""`
	ClickHouse          clickhouse.Config `envconfig:"CLICKHOUSE"`
	Breaker             breaker.Config    `envconfig:"CLICKHOUSE_BREAKER"`
	Schema              schema.Config     `envconfig:"CLICKHOUSE"`
	Redis               redis.Config      `envconfig:"REDIS"`
	Cache               cache.Config      `envconfig:"CACHE"`
}

// Defaults implements config.Defaulter: a definition is to be in force at once.
func (Config) Defaults() map[string]string { return map[string]string{"BATCH_AGE": "20ms"} }

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.AdminAddr == "" {
		problems = append(problems, errors.New("ADMIN_ADDR must be set"))
	}
	if c.JobMaxMemoryBytes <= 0 {
		problems = append(problems, errors.New("JOB_MAX_MEMORY_BYTES must be positive"))
	}
	if c.MigrateTimeout <= 0 {
		problems = append(problems, errors.New("MIGRATE_TIMEOUT must be positive"))
	}
	return errors.Join(problems...)
}

// checkService checks what matters to the service and not to jobs migrate.
func (c Config) checkService() error {
	if c.Job.Concurrency >= c.ClickHouse.MaxConns {
		return errors.New("JOB_CONCURRENCY must be below CLICKHOUSE_MAX_CONNS, or jobs leave no connection to readers")
	}
	return nil
}
