package feedcache

import (
	"errors"
	"time"

	"github.com/nova-data/nova/pkg/redis"
)

// Config is how the cache is reached. Its prefix is CACHE.
type Config struct {
	Redis   redis.Override `envconfig:"REDIS"`
	Timeout time.Duration  `split_words:"true" default:"5s" desc:"Time limit for connecting to Redis, and for each pipeline of commands."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	if c.Timeout <= 0 {
		return errors.New("TIMEOUT must be positive")
	}
	return nil
}
