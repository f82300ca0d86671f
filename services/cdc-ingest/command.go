package cdcingest

import (
	"context"
	"io"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq/redrive"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/services/cdc-ingest/internal/doctor"
	"github.com/nova-data/nova/services/cdc-ingest/internal/ingest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/repair"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
	"github.com/nova-data/nova/services/cdc-ingest/internal/verify"
)

// Main runs the command line and returns the exit code: 0, 1 on failure, 2 when
// the command line is wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	return lifecycle.Program{
		Name:    service,
		Summary: "keeps ClickHouse's tables in step with PostgreSQL's, until SIGTERM",
		Config:  &Config{},
		Run: func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Run(ctx, cfg, stderr)
		},
		Commands: append([]lifecycle.Command{
			verify.Command(),
			doctor.Command(schemaVersion),
			redrive.Command(letters()),
		}, repair.Commands(group)...),
	}.Main(args, stdout, stderr)
}

// redriveConfig is what an operator sets for "dlq" beside Kafka.
type redriveConfig struct {
	DLQTopic  string          `split_words:"true" default:"cdc-dlq"`
	CDCEpochs debezium.Epochs `split_words:"true" default:"nova:0"`
}

// letters is whose dead letters "dlq" is about.
func letters() redrive.Service {
	all := table.All()
	topics := make([]string, 0, len(all))
	for _, t := range all {
		topics = append(topics, t.Topic())
	}
	load := func() (cfg redriveConfig, err error) {
		err = config.Load(&cfg)
		return cfg, err
	}
	return redrive.Service{
		Group: group, Topics: topics,
		Letters: func() (string, error) {
			cfg, err := load()
			return cfg.DLQTopic, err
		},
		Open: func() (redrive.Examiner, func(), error) {
			cfg, err := load()
			return ingest.NewExaminer(table.All(), cfg.CDCEpochs), func() {}, err
		},
	}
}
