package doctor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Config is what an operator sets by variables.
type Config struct {
	PostgresDSN config.Secret     `split_words:"true" required:"true" desc:"PostgreSQL's address: postgres://user:password@host:port/database; the primary."`
	ConnectURL  string            `split_words:"true" desc:"Kafka Connect's REST address, http://host:8083; empty leaves the connector out."`
	CDCEpochs   debezium.Epochs   `split_words:"true" default:"nova:0" desc:"Epoch of each Debezium topic prefix, as the service has it."`
	DLQTopic    string            `split_words:"true" default:"cdc-dlq" desc:"Topic for records that cannot be stored."`
	Kafka       broker.Config     `envconfig:"KAFKA"`
	ClickHouse  clickhouse.Config `envconfig:"CLICKHOUSE"`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if err := connect.CheckAddress(c.ConnectURL); err != nil {
		problems = append(problems, fmt.Errorf("CONNECT_URL %w", err))
	}
	if err := c.CDCEpochs.Validate(); err != nil {
		problems = append(problems, fmt.Errorf("CDC_EPOCHS %w", err))
	}
	return errors.Join(problems...)
}

const help = `  --connector nova    the connector's name; publication and slot are those that it
                      names, or have its name
  --json              write the findings as JSON

It reads POSTGRES_DSN, CONNECT_URL, CDC_EPOCHS, DLQ_TOPIC and the variables of Kafka
and ClickHouse, and changes nothing. Each finding is ok, warn or fail, with what to
do. Exit code 0: nothing fails; 1: something does; 2: the command line is wrong.
`

// timeout bounds all checks together.
const timeout = time.Minute

// Command is "doctor" of the command line, for a service that needs that version of
// ClickHouse's schema.
func Command(schemaVersion int) lifecycle.Command {
	return lifecycle.Command{
		Name:    "doctor",
		Usage:   "[--connector nova] [--json]",
		Summary: "check PostgreSQL, the connector, Kafka and ClickHouse, and say what to change",
		Help:    help,
		Run: func(ctx context.Context, args []string, stdout, _ io.Writer) error {
			return run(ctx, schemaVersion, args, stdout)
		},
	}
}

func run(ctx context.Context, schemaVersion int, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	connector := flags.String("connector", "nova", "")
	asJSON := flags.Bool("json", false, "")
	if err := flags.Parse(args); err != nil {
		return &lifecycle.UsageError{Err: err}
	}
	if flags.NArg() > 0 {
		return &lifecycle.UsageError{Err: fmt.Errorf("%q is not a flag", flags.Arg(0))}
	}
	var cfg Config
	if err := config.Load(&cfg); err != nil {
		return err
	}
	report, err := examine(ctx, cfg, Options{
		Tables: table.All(), Epochs: cfg.CDCEpochs, Connector: *connector, DLQTopic: cfg.DLQTopic, SchemaVersion: schemaVersion,
	})
	if err != nil {
		return err
	}
	write := report.WriteText
	if *asJSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if count := report.Failures(); count > 0 {
		return fmt.Errorf("%d checks fail", count)
	}
	return nil
}

// examine opens what the checks ask, and closes it again.
func examine(ctx context.Context, cfg Config, options Options) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	log := slog.New(slog.DiscardHandler)
	kafka, err := broker.Open(cfg.Kafka)
	if err != nil {
		return Report{}, err
	}
	defer kafka.Close()
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: log, Meter: noop.Meter{}})
	if err != nil {
		return Report{}, err
	}
	defer pool.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: timeout}
	return Run(ctx, options, Deps{
		PostgresDSN: cfg.PostgresDSN.Reveal(), ConnectURL: cfg.ConnectURL, HTTP: client,
		Kafka: kafka, ClickHouse: pool, Log: log,
	}), nil
}
