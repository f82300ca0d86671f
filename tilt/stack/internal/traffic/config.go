package traffic

import (
	"errors"
	"log/slog"
	"time"
)

// Config is how much the users do.
type Config struct {
	Seed             uint64        `split_words:"true" default:"1" desc:"Seed of every choice the sample users make."`
	Users            int           `split_words:"true" default:"200" desc:"Sample users that exist before anything else happens, 2 to 10000."`
	EventsPerSecond  float64       `split_words:"true" default:"300" desc:"Events sent over HTTP per second, without repetitions."`
	ChangesPerSecond float64       `split_words:"true" default:"40" desc:"Rows changed in PostgreSQL per second, about."`
	Grace            time.Duration `split_words:"true" default:"30s" desc:"How long bodies without an answer are still repeated after the end."`
}

// Validate reports every bound that is broken.
func (c Config) Validate() error {
	var problems []error
	if c.Users < 2 || c.Users > maxUsers {
		problems = append(problems, errors.New("USERS must be 2 to 10000"))
	}
	if c.EventsPerSecond <= 0 || c.EventsPerSecond > 100_000 {
		problems = append(problems, errors.New("EVENTS_PER_SECOND must be above 0 and at most 100000"))
	}
	if c.ChangesPerSecond <= 0 || c.ChangesPerSecond > 10_000 {
		problems = append(problems, errors.New("CHANGES_PER_SECOND must be above 0 and at most 10000"))
	}
	if c.Grace <= 0 {
		problems = append(problems, errors.New("GRACE must be positive"))
	}
	return errors.Join(problems...)
}

// Deps are the servers that the users act on, and the record of it.
type Deps struct {
	EventsURL   string // base address of the events API, without /v1/events
	PostgresDSN string // a database with the Nova schema
	Ledger      *Ledger
	Log         *slog.Logger
}
