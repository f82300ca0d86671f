package broker

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/tlsclient"
)

// Config is how the Kafka cluster is reached. Its prefix is KAFKA.
type Config struct {
	Brokers     []string         `split_words:"true" default:"127.0.0.1:9092" desc:"Brokers to learn the cluster from: host:port, comma-separated."`
	ClientID    string           `split_words:"true" default:"nova" desc:"Name under which the brokers' logs and quotas show this client."`
	DialTimeout time.Duration    `split_words:"true" default:"5s" desc:"Time limit for connecting to a broker, TLS and login included."`
	Timeout     time.Duration    `split_words:"true" default:"30s" desc:"Time limit for one request to a broker."`
	TLS         tlsclient.Config `envconfig:"TLS"`
	SASL        SASL             `envconfig:"SASL"`
}

// SASL is the login at the brokers.
type SASL struct {
	Mechanism Mechanism     `split_words:"true" default:"none" desc:"Login at the brokers: none, plain, scram-sha-256 or scram-sha-512."`
	Username  string        `split_words:"true" desc:"User name for the login."`
	Password  config.Secret `split_words:"true" desc:"Password for the login."`
}

// Mechanism names a way to log in.
type Mechanism string

// The mechanisms there are.
const (
	None        Mechanism = "none"
	Plain       Mechanism = "plain"
	ScramSHA256 Mechanism = "scram-sha-256"
	ScramSHA512 Mechanism = "scram-sha-512"
)

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if len(c.Brokers) == 0 {
		problems = append(problems, errors.New("BROKERS must name at least one broker"))
	}
	for _, address := range c.Brokers {
		if _, _, err := net.SplitHostPort(address); err != nil {
			problems = append(problems, fmt.Errorf("BROKERS: %q is not host:port", address))
		}
	}
	if c.DialTimeout <= 0 {
		problems = append(problems, errors.New("DIAL_TIMEOUT must be positive"))
	}
	if c.Timeout <= 0 {
		problems = append(problems, errors.New("TIMEOUT must be positive"))
	}
	return errors.Join(problems...)
}

// Validate implements config.Validator.
func (s SASL) Validate() error {
	switch s.Mechanism {
	case None:
		if s.Username != "" || s.Password != "" {
			return errors.New("MECHANISM must be set when USERNAME or PASSWORD is")
		}
		return nil
	case Plain, ScramSHA256, ScramSHA512:
		if s.Username == "" || s.Password == "" {
			return fmt.Errorf("USERNAME and PASSWORD are required by MECHANISM %s", s.Mechanism)
		}
		return nil
	default:
		return fmt.Errorf("MECHANISM must be %s, %s, %s or %s", None, Plain, ScramSHA256, ScramSHA512)
	}
}

func (s SASL) build() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case Plain:
		return plain.Mechanism{Username: s.Username, Password: s.Password.Reveal()}, nil
	case ScramSHA256:
		return scram.Mechanism(scram.SHA256, s.Username, s.Password.Reveal())
	case ScramSHA512:
		return scram.Mechanism(scram.SHA512, s.Username, s.Password.Reveal())
	default:
		return nil, nil
	}
}
