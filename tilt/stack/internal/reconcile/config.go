package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/tilt/stack/internal/traffic"
)

// Config is how long differences may take to go away.
type Config struct {
	Interval time.Duration `split_words:"true" default:"1s" desc:"Pause between two comparisons."`
	Settle   time.Duration `split_words:"true" default:"45s" desc:"Differences that stay the same for this long are final; above the session timeout of the consumer groups."`
	Deadline time.Duration `split_words:"true" default:"2m" desc:"Differences that are left after this long are final."`
}

// Validate reports every bound that is broken.
func (c Config) Validate() error {
	var problems []error
	for name, value := range map[string]time.Duration{"INTERVAL": c.Interval, "SETTLE": c.Settle, "DEADLINE": c.Deadline} {
		if value <= 0 {
			problems = append(problems, errors.New(name+" must be positive"))
		}
	}
	return errors.Join(problems...)
}

// Querier reads ClickHouse; a *clickhouse.Pool is one. Its connections are to
// the database that holds Nova's tables.
type Querier interface {
	Query(ctx context.Context, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
}

// Deps are the two sides, and who wants to know about the waiting.
type Deps struct {
	PostgresDSN string
	ClickHouse  Querier
	Ledger      *traffic.Ledger
	// Progress is told after each comparison with differences what is waited for.
	Progress func(waitingFor string)
}
