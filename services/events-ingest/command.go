package eventsingest

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/lifecycle"
)

// exitUsage is the exit code of a command line that makes no sense.
const exitUsage = 2

const help = `events-ingest [config]

Accepts client events over HTTP and stores each once in ClickHouse.

events-ingest           run the service; it is configured by environment variables
events-ingest config    print the environment variables, with defaults, as Markdown
events-ingest --help    print this
`

// Main runs the command line and returns the exit code: 0, 1 on failure, 2 when
// the command line is wrong.
func Main(args []string, stdout, stderr io.Writer) int {
	switch {
	case slices.ContainsFunc(args, func(arg string) bool { return slices.Contains([]string{"--help", "-h", "help"}, arg) }):
		fmt.Fprint(stdout, help)
		return lifecycle.ExitOK
	case len(args) == 0:
		return lifecycle.Main("events-ingest", func(ctx context.Context) error {
			var cfg Config
			if err := config.Load(&cfg); err != nil {
				return err
			}
			return Run(ctx, cfg, stderr)
		})
	case slices.Equal(args, []string{"config"}):
		return lifecycle.Main("events-ingest", func(context.Context) error { return config.WriteTable(stdout, &Config{}) })
	default:
		fmt.Fprintf(stderr, "events-ingest: %q is not a command\n\n%s", args[0], help)
		return exitUsage
	}
}
