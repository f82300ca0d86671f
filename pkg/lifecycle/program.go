package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nova-data/nova/pkg/config"
)

// ExitUsage is the exit code of a command line that makes no sense.
const ExitUsage = 2

// Program is the command line of a service: nothing runs it, "config" prints its
// variables, "--help" explains it, and each of Commands does one thing and ends.
type Program struct {
	Name string
	// Summary says in one sentence what the service does.
	Summary string
	// Config is a pointer to the service's Config, for "config".
	Config any
	// Run is the service.
	Run func(context.Context) error
	// Commands are the other things that it does. None has the name "config".
	Commands []Command
}

// Command is one thing that a program does beside its service.
type Command struct {
	Name string
	// Usage is what may follow the name: "[--table posts]… [--json]".
	Usage string
	// Summary says in one line what it does.
	Summary string
	// Help explains the flags and the exit code, in whole lines; the program's
	// help leaves it out.
	Help string
	// Run does it. Its error is printed behind the names of program and command,
	// a *UsageError with the command's help. SIGINT or SIGTERM ends ctx.
	Run func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// UsageError is a command's error about its arguments: the exit code is
// ExitUsage.
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with the arguments.
func (e *UsageError) Unwrap() error { return e.Err }

// Main runs the command line and returns the exit code.
func (p Program) Main(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		return Main(p.Name, p.Run)
	}
	for _, c := range p.Commands {
		if c.Name == args[0] {
			return p.runCommand(c, args[1:], stdout, stderr)
		}
	}
	switch {
	case slices.Equal(args, []string{"config"}):
		return Main(p.Name, func(context.Context) error { return config.WriteTable(stdout, p.Config) })
	case AsksForHelp(args):
		fmt.Fprint(stdout, p.help())
		return ExitOK
	default:
		fmt.Fprintf(stderr, "%s: %q is not a command\n\n%s", p.Name, strings.Join(args, " "), p.help())
		return ExitUsage
	}
}

func (p Program) runCommand(c Command, args []string, stdout, stderr io.Writer) int {
	name := p.Name + " " + c.Name
	if AsksForHelp(args) {
		fmt.Fprint(stdout, c.help(name))
		return ExitOK
	}
	var misused *UsageError
	code := mainTo(stderr, name, func(ctx context.Context) error {
		err := c.Run(ctx, args, stdout, stderr)
		if errors.As(err, &misused) {
			return nil
		}
		return err
	})
	if code == ExitOK && misused != nil {
		fmt.Fprintf(stderr, "%s: %v\n\n%s", name, misused, c.help(name))
		return ExitUsage
	}
	return code
}

func (c Command) help(name string) string {
	text := fmt.Sprintf("%s\n\n%s\n", strings.TrimSpace(name+" "+c.Usage), c.Summary)
	if c.Help != "" {
		text += "\n" + c.Help
	}
	return text
}

// helpIndent is where a summary begins; a longer command line has a line to itself.
const helpIndent = 24

func (p Program) help() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n\n", p.Name, p.Summary)
	line := func(command, summary string) {
		if len(command) > helpIndent-2 {
			fmt.Fprintf(&text, "%s\n%*s%s\n", command, helpIndent, "", summary)
			return
		}
		fmt.Fprintf(&text, "%-*s%s\n", helpIndent, command, summary)
	}
	line(p.Name, "run the service; it is configured by environment variables")
	line(p.Name+" config", "print those variables, with defaults, as Markdown")
	for _, c := range p.Commands {
		line(strings.TrimSpace(p.Name+" "+c.Name+" "+c.Usage), c.Summary)
	}
	line(p.Name+" --help", "print this, or behind a command what it takes")
	return text.String()
}

// AsksForHelp tells whether a word of args asks how the program is used.
func AsksForHelp(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool { return slices.Contains([]string{"--help", "-h", "help"}, arg) })
}
