package invalidator

import (
	"context"
	"io"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
)

// Main runs the command line and returns the exit code: 0, 1 on failure, 2 when
// the command line is wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	return lifecycle.Program{
		Name:    service,
		Summary: "removes feed pages from Redis that a change has made stale, until SIGTERM",
		Config:  &Config{},
		Run: func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Run(ctx, cfg, stderr)
		},
	}.Main(args, stdout, stderr)
}
