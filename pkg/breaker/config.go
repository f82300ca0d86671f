package breaker

import (
	"errors"
	"time"
)

// Config is when a breaker opens and closes, and how calls that may be repeated
// are.
type Config struct {
	Failures   uint          `split_words:"true" default:"3" desc:"Failures in a row that open the breaker."`
	Successes  uint          `split_words:"true" default:"1" desc:"Successes in a row, of calls let through so many at a time, that close it again."`
	Delay      time.Duration `split_words:"true" default:"2s" desc:"Time for which an open breaker refuses all calls."`
	Jitter     time.Duration `split_words:"true" default:"500ms" desc:"Random time added to or taken from the delay, so that replicas do not try all at once; below it."`
	Retries    uint          `split_words:"true" default:"2" desc:"Times that a query which failed is tried again, unless the breaker is open; 0 means none."`
	Backoff    time.Duration `split_words:"true" default:"100ms" desc:"Time before the first retry, give or take a quarter; it doubles with each."`
	MaxBackoff time.Duration `split_words:"true" default:"2s" desc:"Most time before a retry."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.Failures == 0 {
		problems = append(problems, errors.New("FAILURES must be positive"))
	}
	if c.Successes == 0 {
		problems = append(problems, errors.New("SUCCESSES must be positive"))
	}
	if c.Delay <= 0 {
		problems = append(problems, errors.New("DELAY must be positive"))
	}
	if c.Jitter < 0 || c.Jitter >= c.Delay {
		problems = append(problems, errors.New("JITTER must not be negative, and below DELAY"))
	}
	if c.Retries > 0 && c.Backoff <= 0 {
		problems = append(problems, errors.New("BACKOFF must be positive"))
	}
	if c.Retries > 0 && c.MaxBackoff < c.Backoff {
		problems = append(problems, errors.New("MAX_BACKOFF must not be below BACKOFF"))
	}
	return errors.Join(problems...)
}
