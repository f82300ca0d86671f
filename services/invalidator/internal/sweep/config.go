package sweep

import (
	"errors"
	"time"
)

// Config is how pages without an index are looked for. Its prefix is SWEEP.
type Config struct {
	Enabled  bool          `default:"true" desc:"Whether all of Redis is looked through for pages that were not written by pkg/feedcache; switch it off where all are."`
	Interval time.Duration `split_words:"true" default:"100ms" desc:"Least pause between two sweeps; it is also at least four times as long as the last one took."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	if c.Interval < time.Millisecond || c.Interval > time.Minute {
		return errors.New("INTERVAL must be between 1ms and 1m")
	}
	return nil
}
