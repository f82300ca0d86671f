package redis

import (
	"errors"
	"fmt"
	"net"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/tlsclient"
)

// Config is how Redis is reached. Its prefix is REDIS.
type Config struct {
	Addr           []string         `split_words:"true" default:"127.0.0.1:6379" desc:"Redis nodes, or Sentinels when REDIS_SENTINEL_MASTER is set: host:port, comma-separated."`
	Username       string           `split_words:"true" desc:"User name for the login; empty means Redis's default user."`
	Password       config.Secret    `split_words:"true" desc:"Password for the login; empty means none."`
	SentinelMaster string           `split_words:"true" desc:"Name of the master that the Sentinels watch; empty means no Sentinel."`
	TLS            tlsclient.Config `envconfig:"TLS"`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if len(c.Addr) == 0 {
		problems = append(problems, errors.New("ADDR must name at least one node"))
	}
	if c.Username != "" && c.Password == "" {
		problems = append(problems, errors.New("PASSWORD is required by USERNAME"))
	}
	return errors.Join(append(problems, checkAddresses(c.Addr)...)...)
}

// Override names another Redis for one role. Its prefix is the role's, such as
// DEDUP_REDIS.
type Override struct {
	Addr     []string      `split_words:"true" desc:"Redis for this role, in place of REDIS_ADDR."`
	Username string        `split_words:"true" desc:"User name for the login there, in place of REDIS_USERNAME."`
	Password config.Secret `split_words:"true" desc:"Password for the login there, in place of REDIS_PASSWORD."`
}

// Validate implements config.Validator.
func (o Override) Validate() error { return errors.Join(checkAddresses(o.Addr)...) }

// For is the Redis of a role: c, with what o says in its place. Without an
// address o says nothing.
func (c Config) For(o Override) Config {
	if len(o.Addr) == 0 {
		return c
	}
	c.Addr = o.Addr
	if o.Username != "" {
		c.Username = o.Username
	}
	if o.Password != "" {
		c.Password = o.Password
	}
	return c
}

func checkAddresses(addresses []string) []error {
	var problems []error
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			problems = append(problems, fmt.Errorf("ADDR: %q is not host:port", address))
		}
	}
	return problems
}
