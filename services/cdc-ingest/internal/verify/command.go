package verify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Config is what an operator sets by variables.
type Config struct {
	PostgresDSN config.Secret     `split_words:"true" required:"true" desc:"PostgreSQL's address: postgres://user:password@host:port/database; a replica will do."`
	ClickHouse  clickhouse.Config `envconfig:"CLICKHOUSE"`
}

const help = `  --table posts    this table, by its name in PostgreSQL; may be repeated (default all)
  --settle 10s     how long a difference must stay the same to be one
  --limit 20       how many keys of each table are described
  --json           write the result as JSON

It reads POSTGRES_DSN and the variables of ClickHouse. Exit code 0: equal; 1: not,
or not known; 2: the command line is wrong.
`

// maxKeys take some 10 MB.
const maxKeys = 100_000

var errDiffer = errors.New("PostgreSQL and ClickHouse differ")

// Command is "verify" of the command line.
func Command() lifecycle.Command {
	return lifecycle.Command{
		Name:    "verify",
		Usage:   "[--table posts]… [--json]",
		Summary: "compare PostgreSQL's tables with ClickHouse's, also while both are written to",
		Help:    help,
		Run:     run,
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	options, asJSON, err := parse(args)
	if err != nil {
		return &lifecycle.UsageError{Err: err}
	}
	var cfg Config
	if err := config.Load(&cfg); err != nil {
		return err
	}
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		return fmt.Errorf("connecting to ClickHouse: %w", err)
	}
	report, err := Run(ctx, options, Deps{
		PostgresDSN: cfg.PostgresDSN.Reveal(), ClickHouse: pool,
		Progress: func(line string) { fmt.Fprintln(stderr, line) },
	})
	if err != nil {
		return err
	}
	write := report.WriteText
	if asJSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if !report.IsEqual() {
		return errDiffer
	}
	return nil
}

func parse(args []string) (options Options, asJSON bool, err error) {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	options.MaxKeys = maxKeys
	var names []string
	flags.Func("table", "", func(name string) error {
		names = append(names, name)
		return nil
	})
	flags.DurationVar(&options.Settle, "settle", 10*time.Second, "")
	flags.IntVar(&options.Limit, "limit", 20, "")
	flags.BoolVar(&asJSON, "json", false, "")
	if err := flags.Parse(args); err != nil {
		return Options{}, false, err
	}
	switch {
	case flags.NArg() > 0:
		return Options{}, false, fmt.Errorf("%q is not a flag", flags.Arg(0))
	case options.Settle <= 0:
		return Options{}, false, errors.New("--settle must be positive")
	case options.Limit < 0:
		return Options{}, false, errors.New("--limit must not be negative")
	}
	options.Tables, err = selected(names)
	return options, asJSON, err
}

// selected returns the named tables, or all.
func selected(names []string) ([]table.Table, error) {
	all := table.All()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, t := range all {
		known = append(known, t.Source)
	}
	var chosen []table.Table
	for _, name := range names {
		at := slices.Index(known, name)
		if at < 0 {
			return nil, fmt.Errorf("no table %q is mapped: want one of %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}
