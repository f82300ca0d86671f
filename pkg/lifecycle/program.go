package lifecycle

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/nova-data/nova/pkg/config"
)

// ExitUsage is the exit code of a command line that makes no sense.
const ExitUsage = 2

// Program is the command line of a service that has no commands of its own:
// nothing runs it, "config" prints its variables, "--help" explains it.
type Program struct {
	Name string
	// Summary says in one sentence what the service does.
	Summary string
	// Config is a pointer to the service's Config, for "config".
	Config any
	// Run is the service.
	Run func(context.Context) error
}

// Main runs the command line and returns the exit code.
func (p Program) Main(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		return Main(p.Name, p.Run)
	case slices.Equal(args, []string{"config"}):
		return Main(p.Name, func(context.Context) error { return config.WriteTable(stdout, p.Config) })
	case AsksForHelp(args):
		fmt.Fprint(stdout, p.help())
		return ExitOK
	default:
		fmt.Fprintf(stderr, "%s: %q is not a command\n\n%s", p.Name, args[0], p.help())
		return ExitUsage
	}
}

func (p Program) help() string {
	return fmt.Sprintf(`%[1]s: %[2]s

%[1]s           run the service; it is configured by environment variables
%[1]s config    print those variables, with defaults, as Markdown
%[1]s --help    print this
`, p.Name, p.Summary)
}

// AsksForHelp tells whether a word of args asks how the program is used.
func AsksForHelp(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool { return slices.Contains([]string{"--help", "-h", "help"}, arg) })
}
