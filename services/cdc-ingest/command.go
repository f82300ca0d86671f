package cdcingest

import (
	"context"
	"fmt"
	"io"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
)

// exitUsage is the exit code of a command line that makes no sense.
const exitUsage = 2

const help = `cdc-ingest           keep ClickHouse's tables in step with PostgreSQL's, until SIGTERM
cdc-ingest config    print the environment variables, with defaults, as Markdown
cdc-ingest --help    print this
`

// Main runs the command line and returns the exit code: 0, 1 on failure, 2 when
// the command line is wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		return lifecycle.Main(service, func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Run(ctx, cfg)
		})
	case len(args) == 1 && args[0] == "config":
		return lifecycle.Main(service, func(context.Context) error { return config.WriteTable(stdout, &Config{}) })
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help"):
		fmt.Fprint(stdout, help)
		return lifecycle.ExitOK
	default:
		fmt.Fprintf(stderr, "cdc-ingest: unknown command line\n\n%s", help)
		return exitUsage
	}
}
