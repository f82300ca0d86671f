package eventsingest

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/dlq/redrive"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/services/events-ingest/internal/ingest"
)

// Main runs the command line and returns the exit code: 0, 1 on failure, 2 when
// the command line is wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	return lifecycle.Program{
		Name:    "events-ingest",
		Summary: "accepts client events over HTTP and stores each once in ClickHouse, until SIGTERM",
		Config:  &Config{},
		Run: func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Run(ctx, cfg, stderr)
		},
		Commands: []lifecycle.Command{redrive.Command(redrive.Service{
			Group: group, Topics: []string{topic}, Open: openExaminer,
			Letters: func() (string, error) { return lettersTopic, nil },
		})},
	}.Main(args, stdout, stderr)
}

// openExaminer opens what dead records are examined with before they are redriven.
func openExaminer() (redrive.Examiner, func(), error) {
	var cfg struct {
		ClickHouse clickhouse.Config       `envconfig:"CLICKHOUSE"`
		Plan       clickhouse.WriterConfig `envconfig:"PLAN"`
	}
	if err := config.Load(&cfg); err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.DiscardHandler)
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: log, Meter: noop.Meter{}})
	if err != nil {
		return nil, nil, err
	}
	writer, err := clickhouse.NewWriter(cfg.Plan, clickhouse.WriterDeps{Pool: pool, Log: log, Meter: noop.Meter{}})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return ingest.NewExaminer(writer), pool.Close, nil
}
