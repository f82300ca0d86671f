package dedup

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/tlsclient"
)

// Redis is how Redis is reached. Its prefix is REDIS. Whether it is a single
// node or a cluster is found out.
type Redis struct {
	Addr           []string         `split_words:"true" default:"127.0.0.1:6379" desc:"Redis nodes, or Sentinels when REDIS_SENTINEL_MASTER is set: host:port, comma-separated."`
	Username       string           `split_words:"true" desc:"User name for the login; empty means Redis's default user."`
	Password       config.Secret    `split_words:"true" desc:"Password for the login; empty means none."`
	SentinelMaster string           `split_words:"true" desc:"Name of the master that the Sentinels watch; empty means no Sentinel."`
	TLS            tlsclient.Config `envconfig:"TLS"`
}

// Validate implements config.Validator.
func (r Redis) Validate() error {
	var problems []error
	if len(r.Addr) == 0 {
		problems = append(problems, errors.New("ADDR must name at least one node"))
	}
	if r.Username != "" && r.Password == "" {
		problems = append(problems, errors.New("PASSWORD is required by USERNAME"))
	}
	return errors.Join(append(problems, checkAddresses("ADDR", r.Addr)...)...)
}

// Config is how events are claimed. Its prefix is DEDUP.
type Config struct {
	RedisAddr     []string      `split_words:"true" desc:"Redis that keeps the claims, in place of REDIS_ADDR; it must not evict keys."`
	RedisUsername string        `split_words:"true" desc:"User name for the login at DEDUP_REDIS_ADDR, in place of REDIS_USERNAME."`
	RedisPassword config.Secret `split_words:"true" desc:"Password for the login at DEDUP_REDIS_ADDR, in place of REDIS_PASSWORD."`
	TTL           time.Duration `split_words:"true" default:"24h" desc:"Time for which a claim stands, in whole seconds: a copy that comes later is stored, and collapses under FINAL only."`
	Timeout       time.Duration `split_words:"true" default:"5s" desc:"Time limit for connecting to Redis, and for each pipeline of 1000 claims."`
	AllowEviction bool          `split_words:"true" default:"false" desc:"Whether a Redis whose maxmemory-policy may evict claims is used all the same; evicted claims let copies pass."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	problems := checkAddresses("REDIS_ADDR", c.RedisAddr)
	if c.TTL < time.Second || c.TTL%time.Second != 0 {
		problems = append(problems, errors.New("TTL must be whole seconds, at least one"))
	}
	if c.Timeout <= 0 {
		problems = append(problems, errors.New("TIMEOUT must be positive"))
	}
	return errors.Join(problems...)
}

func checkAddresses(variable string, addresses []string) []error {
	var problems []error
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			problems = append(problems, fmt.Errorf("%s: %q is not host:port", variable, address))
		}
	}
	return problems
}

// redis is the Redis that keeps the claims.
func (c Config) redis(shared Redis) Redis {
	if len(c.RedisAddr) > 0 {
		shared.Addr = c.RedisAddr
		if c.RedisUsername != "" {
			shared.Username = c.RedisUsername
		}
		if c.RedisPassword != "" {
			shared.Password = c.RedisPassword
		}
	}
	return shared
}
