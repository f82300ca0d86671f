package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/term"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/load"
)

// loadConfig is what `stack load` takes from the environment: how to log in.
type loadConfig struct {
	ClickHouse clickhouse.Config `envconfig:"CLICKHOUSE"`
}

// loadFlags are the flags of `stack load`.
type loadFlags struct {
	config     load.Config
	clickHouse string
	database   string
	json       bool
}

func (f *loadFlags) declare(set *flag.FlagSet) {
	f.config = load.NewDefaultConfig()
	f.config.Flags(set)
	set.StringVar(&f.clickHouse, "clickhouse", "", "host:port of ClickHouse's native protocol, to measure freshness (CLICKHOUSE_ADDR of the stack that ran last); CLICKHOUSE_USERNAME and the like are read too")
	set.StringVar(&f.database, "database", "", "database of post_events (CLICKHOUSE_DATABASE, or nova)")
	set.BoolVar(&f.json, "json", false, "print the report as JSON")
}

// errFailures is the end of a load of which nothing was accepted.
var errFailures = errors.New("no request was accepted")

func runLoad(ctx context.Context, c *call) error {
	var cfg loadConfig
	if err := config.Load(&cfg); err != nil {
		return err
	}
	flags := c.flags.load
	wanted := flags.config
	if wanted.URL == "" {
		wanted.URL = c.running("EVENTS_URL", c.layout.URL(layout.EventsPort))
	}
	if err := wanted.Validate(); err != nil {
		return &lifecycle.UsageError{Err: err}
	}
	if flags.clickHouse == "" {
		flags.clickHouse = c.running("CLICKHOUSE_ADDR", c.layout.ClickHouse.Addr)
	}
	cfg.ClickHouse.Addr = []string{flags.clickHouse}
	if flags.database != "" {
		cfg.ClickHouse.Database = flags.database
	}
	deps := load.Deps{Progress: c.progress()}
	if wanted.ProbeEvery > 0 {
		pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
		if err != nil {
			return fmt.Errorf("connecting to ClickHouse: %w", err)
		}
		defer pool.Close()
		deps.ClickHouse = pool
	}
	report, err := load.Run(ctx, wanted, deps)
	if report.Requests == 0 {
		return err
	}
	if report.AcceptedRequests == 0 && err == nil && !report.Interrupted {
		err = errFailures
	}
	return errors.Join(c.writeLoad(report), err)
}

// running returns a variable of the stack that ran last, or what one that starts now
// would have.
func (c *call) running(name, otherwise string) string {
	if value := c.layout.ReadEnv(name); value != "" {
		return value
	}
	return otherwise
}

const clearLine = "\r\x1b[K"

// progress returns what shows one line that changes, and nil where there is no
// terminal or the output is for programs.
func (c *call) progress() func(load.Report) {
	if c.flags.load.json || !term.IsTerminal(int(c.terminal.Fd())) {
		return nil
	}
	return func(r load.Report) { fmt.Fprint(c.out, clearLine+r.Line()) }
}

func (c *call) writeLoad(report load.Report) error {
	if c.flags.load.json {
		return writeIndented(c.out, report)
	}
	if c.progress() != nil {
		fmt.Fprint(c.out, clearLine)
	}
	if err := report.Write(c.out); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func writeIndented(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
