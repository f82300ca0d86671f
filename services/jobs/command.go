package jobs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/jobs/internal/migrate"
)

const help = `jobs keeps lists in Redis as job definitions say, and serves them over HTTP,
until SIGTERM.

jobs           run the service; it is configured by environment variables
jobs migrate [plan|apply|status] [--json]
               bring an installation up to date: ClickHouse's schema and Kafka's
               topics
jobs config    print the environment variables, with defaults, as Markdown
jobs --help    print this

The commands of jobs migrate:

  apply    do what is missing (the default); refuses, and changes nothing, when a
           table or topic differs from what the files made
  plan     show what apply would do, with the SQL; exit code 1 on a difference
  status   show what is applied; exit code 1 unless everything is in place

  --json   write the result as JSON
`

// Main runs the command line and returns the exit code: 0, 1 on failure, 2 when
// the command line is wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	if lifecycle.AsksForHelp(args) {
		fmt.Fprint(stdout, help)
		return lifecycle.ExitOK
	}
	if len(args) == 0 {
		return lifecycle.Main("jobs", func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Run(ctx, cfg, stderr)
		})
	}
	switch args[0] {
	case "config":
		if len(args) > 1 {
			break
		}
		return lifecycle.Main("jobs", func(context.Context) error { return config.WriteTable(stdout, &Config{}) })
	case "migrate":
		command, asJSON, err := parseMigrate(args[1:])
		if err != nil {
			fmt.Fprintf(stderr, "jobs migrate: %v\n\n%s", err, help)
			return lifecycle.ExitUsage
		}
		return lifecycle.Main("jobs migrate", func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Migrate(ctx, cfg, Options{Command: command, JSON: asJSON, Stdout: stdout, Stderr: stderr})
		})
	}
	fmt.Fprintf(stderr, "jobs: %q is not a command\n\n%s", strings.Join(args, " "), help)
	return lifecycle.ExitUsage
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
