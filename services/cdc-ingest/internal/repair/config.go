package repair

import (
	"errors"
	"fmt"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
)

// Config is what an operator sets by variables.
type Config struct {
	PostgresDSN config.Secret     `split_words:"true" desc:"PostgreSQL's address, for resync: postgres://user:password@host:port/database; the primary."`
	ConnectURL  string            `split_words:"true" desc:"Kafka Connect's REST address, http://host:8083; empty: the connector is not asked."`
	CDCEpochs   debezium.Epochs   `split_words:"true" default:"nova:0" desc:"Epoch of each Debezium topic prefix, as the service has it."`
	Kafka       broker.Config     `envconfig:"KAFKA"`
	ClickHouse  clickhouse.Config `envconfig:"CLICKHOUSE"`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if err := connect.CheckAddress(c.ConnectURL); err != nil {
		problems = append(problems, fmt.Errorf("CONNECT_URL %w", err))
	}
	if err := c.CDCEpochs.Validate(); err != nil {
		problems = append(problems, fmt.Errorf("CDC_EPOCHS %w", err))
	}
	return errors.Join(problems...)
}
