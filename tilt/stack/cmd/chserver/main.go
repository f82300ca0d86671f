// Command chserver serves an embedded ClickHouse for development and tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/tilt/stack/chserver"
)

func main() {
	os.Exit(lifecycle.Main("chserver", func(ctx context.Context) error { return run(ctx, os.Args[1:]) }))
}

// exitFault is the status of a process that a planned fault has ended.
const exitFault = 70

func run(ctx context.Context, arguments []string) error {
	cfg := config{}
	flags := flag.NewFlagSet("chserver", flag.ContinueOnError)
	flags.StringVar(&cfg.DataDir, "data", "", "directory of all data (required)")
	flags.StringVar(&cfg.Listen, "listen", "127.0.0.1:9000", "address of the native protocol; port 0 takes a free one")
	flags.StringVar(&cfg.HTTP, "http", "127.0.0.1:8123", "address of HTTP; port 0 takes a free one")
	flags.StringVar(&cfg.Library, "lib", "", "path of libchdb.so (default $LIBCHDB_PATH, else where make deps puts it)")
	flags.BoolVar(&cfg.Repair, "repair", true, "take insert tokens without a part away before opening the data")
	flags.BoolVar(&cfg.Faults, "faults", false, "let POST /faults plan faults for the next INSERTs")
	flags.Func("set", "setting, name=value, that holds in every session; may be given several times", cfg.set)
	withStdin := flags.Bool("exit-with-stdin", false, "end when standard input does")
	if err := flags.Parse(arguments); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if err := moveToEmpty(&cfg.Config); err != nil {
		return err
	}
	if *withStdin {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	return chserver.Run(ctx, cfg.Config, chserver.Deps{
		Log:  slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		Exit: func() { os.Exit(exitFault) },
		Ready: func(native, http net.Addr) {
			fmt.Fprintf(os.Stdout, "ready native=%s http=%s\n", native, http)
		},
	})
}

// config is chserver's, from the command line.
type config struct{ chserver.Config }

// set takes one setting.
func (c *config) set(assignment string) error {
	name, value, isOne := strings.Cut(assignment, "=")
	if !isOne {
		return errors.New("it must be name=value")
	}
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	c.Settings[name] = value
	return nil
}

// moveToEmpty makes an empty directory beside the data the working one, because
// the engine shows the files of the working directory as tables.
func moveToEmpty(cfg *chserver.Config) error {
	if cfg.DataDir == "" {
		return errors.New("-data is required")
	}
	for _, path := range []*string{&cfg.DataDir, &cfg.Library} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("finding %s: %w", *path, err)
		}
		*path = absolute
	}
	empty := filepath.Join(cfg.DataDir, "empty")
	if err := os.MkdirAll(empty, 0o750); err != nil {
		return fmt.Errorf("creating working directory: %w", err)
	}
	if err := os.Chdir(empty); err != nil {
		return fmt.Errorf("changing to working directory: %w", err)
	}
	return nil
}
