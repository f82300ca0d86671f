package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/tilt/stack/internal/deps"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
)

// command is one word behind `stack`.
type command struct {
	name, summary string
	// argument names the one argument that the command needs; most need none.
	argument string
	// hidden commands are started by others, not by people.
	hidden bool
	run    func(context.Context, *call) error
}

func commands() []command {
	return []command{
		{name: "deps", summary: "install and download what is missing", run: runDeps},
		{name: "up", summary: "start the stack in the background; returns when all is ready", run: runUp},
		{name: "down", summary: "stop the stack; its data stays", run: runDown},
		{name: "status", summary: "show the parts, their addresses and their state", run: runStatus},
		{name: "run", summary: "run the stack in the foreground, with sample traffic and a live table", run: runRun},
		{name: "load", summary: "put the events API under load and measure it: latency, and accept to queryable", run: runLoad},
		{name: "stop", argument: "PART", summary: "stop one part of the running stack, as an outage to try; the others go on", run: runStop},
		{name: "start", argument: "PART", summary: "start a part that was stopped", run: runStart},
		{name: "env", summary: "print the addresses as shell variables", run: runEnv},
		{name: "clean", summary: "stop the stack and remove its data, logs and programs", run: runClean},
		{name: "kafka", summary: "be Kafka, alone and in the foreground", hidden: true, run: runKafka},
		{name: "supervise", summary: "be the process behind up", hidden: true, run: runSupervise},
	}
}

// call is one invocation of a command.
type call struct {
	// out is terminal, or a writer in front of it.
	out      io.Writer
	terminal *os.File
	layout   layout.Layout
	flags    flags
	argument string
}

// flags are the flags of all commands; those that a command does not use do no
// harm.
type flags struct {
	runDir   string
	services bool
	duration time.Duration
	load     loadFlags
}

// Main runs the command that args name and writes to out what it has to say. Its error
// is a *lifecycle.UsageError when args make no sense.
func Main(ctx context.Context, args []string, out *os.File) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(out)
		return nil
	}
	for _, command := range commands() {
		if command.name == args[0] {
			return invoke(ctx, command, args[1:], out)
		}
	}
	usage(out)
	return &lifecycle.UsageError{Err: fmt.Errorf("unknown command %q", args[0])}
}

func invoke(ctx context.Context, command command, args []string, out *os.File) error {
	c := &call{out: out, terminal: out}
	set := flag.NewFlagSet(command.name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&c.flags.runDir, "run-dir", "", "directory for data, logs and pids (RUN_DIR; .run in the workspace)")
	set.BoolVar(&c.flags.services, "services", true, "run the services, not the servers alone")
	if command.name == "run" {
		set.DurationVar(&c.flags.duration, "for", 0, "end by itself after this long, with a reconciliation (FOR)")
	}
	if command.name == "load" {
		c.flags.load.declare(set)
	}
	err := c.read(set, command, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(out, "stack %s: %s\n\n", command.words(), command.summary)
		set.SetOutput(out)
		set.PrintDefaults()
		return nil
	}
	if err != nil {
		return &lifecycle.UsageError{Err: err}
	}
	if c.layout, err = layout.Load(c.flags.runDir); err != nil {
		return err
	}
	return command.run(ctx, c)
}

// read takes the argument and the flags, which may stand on either side of it.
func (c *call) read(set *flag.FlagSet, command command, args []string) error {
	err := set.Parse(args)
	if err == nil && command.argument != "" && set.NArg() > 0 {
		c.argument = set.Arg(0)
		err = set.Parse(set.Args()[1:])
	}
	if err != nil {
		return fmt.Errorf("reading the flags of %s: %w", command.name, err)
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%s takes no argument %q", command.name, set.Arg(0))
	}
	if command.argument != "" && c.argument == "" {
		return fmt.Errorf("%s needs a %s: stack status shows them", command.name, command.argument)
	}
	return nil
}

// words is how the command is written.
func (c command) words() string { return strings.TrimSpace(c.name + " " + c.argument) }

func usage(out io.Writer) {
	fmt.Fprint(out, "stack runs Nova's local stack.\n\n")
	for _, command := range commands() {
		if !command.hidden {
			fmt.Fprintf(out, "  %-10s %s\n", command.words(), command.summary)
		}
	}
	fmt.Fprint(out, `
stack <command> --help shows the flags. Variables: PORT_BASE is added to every
port, RUN_DIR replaces .run; CLICKHOUSE_ADDR, KAFKA_BROKERS, REDIS_ADDR and
POSTGRES_DSN name servers to use in place of the stack's own; TRAFFIC_SEED,
TRAFFIC_USERS, TRAFFIC_EVENTS_PER_SECOND, TRAFFIC_CHANGES_PER_SECOND and
TRAFFIC_FEED_READS_PER_SECOND shape the sample traffic.
`)
}

func runDeps(ctx context.Context, c *call) error {
	return deps.Ensure(ctx, c.layout, c.out)
}

// runEnv prints the variables of the stack that ran last, which may have been
// given others than this caller has, or else those that one would have.
func runEnv(_ context.Context, c *call) error {
	content, err := os.ReadFile(c.layout.EnvFile())
	if errors.Is(err, os.ErrNotExist) {
		content, err = []byte(c.layout.Env()), nil
	}
	if err != nil {
		return fmt.Errorf("reading the variables: %w", err)
	}
	_, err = c.out.Write(content)
	return err
}
