package jobs

import (
	"context"
	"errors"
	"flag"
	"io"
	"slices"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/jobs/internal/migrate"
)

const migrateHelp = `  apply    do what is missing (the default); refuses, and changes nothing, when a
           table or topic differs from what the files made
  plan     show what apply would do, with the SQL; exit code 1 on a difference
  status   show what is applied; exit code 1 unless everything is in place

  --json   write the result as JSON
`

// Main runs the command line and returns the exit code: 0, 1 on failure, 2 when
// the command line is wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	return lifecycle.Program{
		Name:    "jobs",
		Summary: "keeps lists in Redis as job definitions say, and serves them over HTTP, until SIGTERM",
		Config:  &Config{},
		Run: func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Run(ctx, cfg, stderr)
		},
		Commands: []lifecycle.Command{{
			Name:    "migrate",
			Usage:   "[plan|apply|status] [--json]",
			Summary: "bring an installation up to date: ClickHouse's schema and Kafka's topics",
			Help:    migrateHelp,
			Run:     runMigrate,
		}},
	}.Main(args, stdout, stderr)
}

func runMigrate(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command, asJSON, err := parseMigrate(args)
	if err != nil {
		return &lifecycle.UsageError{Err: err}
	}
	var cfg Config
	if err := config.Load(&cfg); err != nil {
		return err
	}
	return Migrate(ctx, cfg, Options{Command: command, JSON: asJSON, Stdout: stdout, Stderr: stderr})
}

// parseMigrate takes the command and its flag in either order.
func parseMigrate(args []string) (command migrate.Command, asJSON bool, err error) {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&asJSON, "json", false, "")
	var words []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return "", false, err
		}
		if args = flags.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	switch {
	case len(words) == 0:
		return migrate.Apply, asJSON, nil
	case len(words) == 1 && slices.Contains(migrate.Commands(), migrate.Command(words[0])):
		return migrate.Command(words[0]), asJSON, nil
	default:
		return "", false, errors.New("want one of plan, apply, status")
	}
}

// Options is how a migration is asked for.
type Options struct {
	Command migrate.Command
	JSON    bool
	// Stdout takes the result, Stderr the log.
	Stdout, Stderr io.Writer
}

// Migrate runs one migration command.
func Migrate(ctx context.Context, cfg Config, options Options) error {
	reporting, err := telemetry.New(cfg.Telemetry, telemetry.Deps{Service: "jobs", Output: options.Stderr})
	if err != nil {
		return err
	}
	return migrate.Run(ctx, migrate.Config{
		Kafka: cfg.Kafka, ClickHouse: cfg.ClickHouse, Schema: cfg.Schema, Timeout: cfg.MigrateTimeout,
	}, migrate.Deps{
		Command: options.Command, JSON: options.JSON, Output: options.Stdout, Log: reporting.Log, Meter: reporting.Meter("jobs"),
	})
}
