package source

import (
	"errors"
	"time"
)

// Config is what an operator sets. Its prefix is SOURCE.
type Config struct {
	Connector       string        `default:"nova" desc:"Name of the connector that is watched, if CONNECT_URL is set."`
	Slot            string        `desc:"Replication slot that is watched, if POSTGRES_DSN is set; empty: that of the connector's name."`
	Interval        time.Duration `default:"5s" desc:"Time between two looks at the source."`
	MaxLag          time.Duration `split_words:"true" default:"5m" desc:"Age of the oldest WAL that the connector has not confirmed above which the service is degraded; Kafka Connect's offset.flush.interval.ms is part of it."`
	MaxLagBytes     int64         `split_words:"true" default:"1073741824" desc:"Bytes of WAL that the connector has not confirmed above which the service is degraded."`
	MaxHeartbeatAge time.Duration `split_words:"true" default:"1m" desc:"Age of the connector's newest heartbeat above which the service is degraded."`
}

// minInterval bounds what the watcher asks of the servers.
const minInterval = 100 * time.Millisecond

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.Connector == "" {
		problems = append(problems, errors.New("CONNECTOR must name a connector"))
	}
	if c.Interval < minInterval {
		problems = append(problems, errors.New("INTERVAL must be at least 100ms"))
	}
	if c.MaxLag <= 0 {
		problems = append(problems, errors.New("MAX_LAG must be positive"))
	}
	if c.MaxLagBytes <= 0 {
		problems = append(problems, errors.New("MAX_LAG_BYTES must be positive"))
	}
	if c.MaxHeartbeatAge <= 0 {
		problems = append(problems, errors.New("MAX_HEARTBEAT_AGE must be positive"))
	}
	return errors.Join(problems...)
}

func (c Config) slot() string {
	if c.Slot != "" {
		return c.Slot
	}
	return c.Connector
}
