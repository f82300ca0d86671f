package cdcingest

import (
	"errors"
	"fmt"

	"github.com/nova-data/nova/pkg/breaker"
	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/failpoint"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/cdc-ingest/internal/ingest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/source"
)

// Config is everything an operator sets.
type Config struct {
	AdminAddr         string             `split_words:"true" default:"127.0.0.1:9101" desc:"Address of the admin server: metrics, health, profiles."`
	CDCEpochs         debezium.Epochs    `split_words:"true" default:"nova:0" desc:"Epoch (0 to 255) of each Debezium topic prefix, the newest source having the highest: nova:0,nova2:1."`
	CDCPostEvents     []string           `split_words:"true" desc:"Tables (likes, comments) whose created rows are published as client events too; for installations whose clients do not report them. Empty: none."`
	DLQTopic          string             `split_words:"true" default:"cdc-dlq" desc:"Topic for records that cannot be stored."`
	DLQMaxRecordBytes int                `split_words:"true" default:"16000000" desc:"Bytes that a dead letter may have; the topic's max.message.bytes must be larger."`
	Telemetry         telemetry.Config   `envconfig:""`
	Consumer          consumer.Config    `envconfig:""`
	Positions         consumer.Positions `envconfig:""`
	Kafka             broker.Config      `envconfig:"KAFKA"`
	ClickHouse        clickhouse.Config  `envconfig:"CLICKHOUSE"`
	ClickHouseBreaker breaker.Config     `envconfig:"CLICKHOUSE_BREAKER"`
	Guard             dlq.GuardConfig    `envconfig:"DLQ_GUARD"`
	Failpoints        failpoint.Config   `envconfig:"FAILPOINTS"`
	PostgresDSN       config.Secret      `split_words:"true" desc:"PostgreSQL's address, the primary, to watch the connector's replication slot: postgres://user:password@host:port/database. Empty: the slot is not watched."`
	ConnectURL        string             `split_words:"true" desc:"Kafka Connect's REST address, http://host:8083, to watch the connector. Empty: it is not watched."`
	Source            source.Config      `envconfig:"SOURCE"`
}

// minLetterBytes leaves room for a record of Kafka's usual limit, which a letter
// may hold in base64.
const minLetterBytes = 2_000_000

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if err := c.CDCEpochs.Validate(); err != nil {
		problems = append(problems, fmt.Errorf("CDC_EPOCHS %w", err))
	}
	if c.DLQTopic == "" {
		problems = append(problems, errors.New("DLQ_TOPIC must name a topic"))
	}
	if c.DLQMaxRecordBytes < minLetterBytes {
		problems = append(problems, fmt.Errorf("DLQ_MAX_RECORD_BYTES must be at least %d", minLetterBytes))
	}
	for _, name := range c.CDCPostEvents {
		if _, isKnown := ingest.Actions()[name]; !isKnown {
			problems = append(problems, fmt.Errorf("CDC_POST_EVENTS must name likes or comments, not %q", name))
		}
	}
	return errors.Join(problems...)
}
