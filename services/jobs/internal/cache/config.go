package cache

import (
	"errors"
	"time"

	"github.com/nova-data/nova/pkg/redis"
)

// Config is how the cache is reached. Its prefix is CACHE.
type Config struct {
	Redis   redis.Override `envconfig:"REDIS"`
	Timeout time.Duration  `split_words:"true" default:"1s" desc:"Time limit for connecting to Redis, and for each pipeline of commands."`
	TTL     time.Duration  `split_words:"true" default:"24h" desc:"Time that a result stays in Redis when it is not computed again, to be served as stale; a result that is fresh for longer stays as long as that."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.Timeout <= 0 {
		problems = append(problems, errors.New("TIMEOUT must be positive"))
	}
	if c.TTL < time.Second {
		problems = append(problems, errors.New("TTL must be at least 1s"))
	}
	return errors.Join(problems...)
}
