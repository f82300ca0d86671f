package cdcingest

import (
	"context"
	"io"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/services/cdc-ingest/internal/doctor"
	"github.com/nova-data/nova/services/cdc-ingest/internal/repair"
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
		}, repair.Commands(group)...),
	}.Main(args, stdout, stderr)
}
