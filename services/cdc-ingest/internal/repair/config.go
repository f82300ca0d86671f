package repair

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/debezium"
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
	if address, err := url.Parse(c.ConnectURL); c.ConnectURL != "" && (err != nil || address.Host == "") {
		problems = append(problems, errors.New("CONNECT_URL must be a URL"))
	}
	if err := c.CDCEpochs.Validate(); err != nil {
		problems = append(problems, fmt.Errorf("CDC_EPOCHS %w", err))
	}
	return errors.Join(problems...)
}
