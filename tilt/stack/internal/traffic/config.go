package traffic

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
)

// Config is how much the users do.
type Config struct {
	Seed               uint64        `split_words:"true" default:"1" desc:"Seed of every choice the sample users make."`
	Users              int           `split_words:"true" default:"200" desc:"Sample users that exist before anything else happens, 2 to 10000."`
	EventsPerSecond    float64       `split_words:"true" default:"300" desc:"Events sent over HTTP per second, without repetitions."`
	ChangesPerSecond   float64       `split_words:"true" default:"40" desc:"Rows changed in PostgreSQL per second, about."`
	FeedReadsPerSecond float64       `split_words:"true" default:"50" desc:"Feed pages read per second; 0 means that nobody reads feeds."`
	Grace              time.Duration `split_words:"true" default:"30s" desc:"How long bodies without an answer are still repeated after the end."`
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
	if c.FeedReadsPerSecond < 0 || c.FeedReadsPerSecond > 10_000 {
		problems = append(problems, errors.New("FEED_READS_PER_SECOND must be 0 to 10000"))
	}
	if c.Grace <= 0 {
		problems = append(problems, errors.New("GRACE must be positive"))
	}
	return errors.Join(problems...)
}

// Querier reads ClickHouse; a *clickhouse.Pool is one. Its connections are to
// the database that holds Nova's tables.
type Querier interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Deps are the servers that the users act on, and the record of it.
type Deps struct {
	EventsURL   string // base address of the events API, without /v1/events
	PostgresDSN string // a database with the Nova schema
	// ClickHouse and RedisAddr (host:port) are where feeds are computed and
	// cached; nobody uses them while Config.FeedReadsPerSecond is 0.
	ClickHouse Querier
	RedisAddr  string
	Ledger     *Ledger
	Log        *slog.Logger
}
