package dedup

import (
	"errors"
	"fmt"
	"time"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/redis"
)

// Config is how events are claimed. Its prefix is DEDUP.
type Config struct {
	Redis         redis.Override `envconfig:"REDIS"`
	TTL           time.Duration  `split_words:"true" default:"24h" desc:"Time for which a claim stands, in whole seconds: a copy that comes later is stored, and collapses under FINAL only."`
	Timeout       time.Duration  `split_words:"true" default:"5s" desc:"Time limit for connecting to Redis, and for each pipeline of 1000 claims."`
	OnFailure     OnFailure      `split_words:"true" default:"pause" desc:"While Redis fails: pause waits for it, bypass stores all events, copies included, which then count twice in summing views."`
	AllowEviction bool           `split_words:"true" default:"false" desc:"Whether a Redis whose maxmemory-policy may evict claims is used all the same; evicted claims let copies pass."`
}

// OnFailure is what becomes of events while Redis fails.
type OnFailure string

// Pause decides nothing; Bypass keeps every event once Redis's breaker is open,
// though still one copy of each within a call.
const (
	Pause  OnFailure = "pause"
	Bypass OnFailure = "bypass"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *OnFailure) UnmarshalText(text []byte) error {
	switch choice := OnFailure(text); choice {
	case Pause, Bypass:
		*o = choice
		return nil
	default:
		return &config.InvalidError{Reason: "want pause or bypass"}
	}
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.TTL < time.Second || c.TTL%time.Second != 0 {
		problems = append(problems, errors.New("TTL must be whole seconds, at least one"))
	}
	if c.Timeout <= 0 {
		problems = append(problems, errors.New("TIMEOUT must be positive"))
	}
	return errors.Join(problems...)
}

// connector is the way to the Redis that keeps the claims.
func (c Config) connector(shared redis.Config) (*redis.Connector, error) {
	return redis.NewConnector(shared.For(c.Redis), redis.Options{
		ClientName: "nova-dedup",
		Timeout:    c.Timeout,
		CheckPolicy: func(policy string) error {
			if policy != "noeviction" && !c.AllowEviction {
				return fmt.Errorf("maxmemory-policy is %s, which evicts claims: set noeviction, or DEDUP_ALLOW_EVICTION=true", policy)
			}
			return nil
		},
	})
}
