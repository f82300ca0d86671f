package repair

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// arguments are the flags of a command.
type arguments struct {
	*flag.FlagSet

	names []string
}

func newArguments(command string) *arguments {
	a := &arguments{FlagSet: flag.NewFlagSet(command, flag.ContinueOnError)}
	a.SetOutput(io.Discard)
	a.Func("table", "", func(name string) error {
		a.names = append(a.names, name)
		return nil
	})
	return a
}

// parse reads args and returns the tables that they name, or all.
func (a *arguments) parse(args []string) (tables []table.Table, err error) {
	if err := a.Parse(args); err != nil {
		return nil, misused(err)
	}
	if a.NArg() > 0 {
		return nil, misused(fmt.Errorf("%q is not a flag", a.Arg(0)))
	}
	all := table.All()
	if len(a.names) == 0 {
		return all, nil
	}
	known := make([]string, 0, len(all))
	for _, t := range all {
		known = append(known, t.Source)
	}
	for _, name := range a.names {
		at := slices.Index(known, name)
		if at < 0 {
			return nil, misused(fmt.Errorf("no table %q is mapped: want one of %s", name, strings.Join(known, ", ")))
		}
		tables = append(tables, all[at])
	}
	return tables, nil
}

func misused(err error) error { return &lifecycle.UsageError{Err: err} }

func parseEpoch(args []string) (e ending, err error) {
	if len(args) == 0 || args[0] != "begin" && args[0] != "finish" {
		return ending{}, misused(errors.New("say begin or finish"))
	}
	e.isBegun = args[0] == "begin"
	a := newArguments("epoch")
	a.StringVar(&e.prefix, "prefix", "", "")
	a.StringVar(&e.connector, "connector", "", "")
	a.BoolVar(&e.isConfirmed, "yes", false, "")
	a.DurationVar(&e.wait, "wait", 10*time.Minute, "")
	if e.tables, err = a.parse(args[1:]); err != nil {
		return ending{}, err
	}
	switch {
	case !isPrefix(e.prefix):
		return ending{}, misused(errors.New("--prefix must be a topic prefix of letters, digits, _ and -"))
	case e.wait <= 0:
		return ending{}, misused(errors.New("--wait must be positive"))
	}
	if e.connector == "" {
		e.connector = e.prefix
	}
	e.isNamed = len(a.names) > 0
	return e, nil
}

// isPrefix refuses what Kafka would not take as a part of a topic's name.
func isPrefix(text string) bool { return regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(text) }

func parseRewind(args []string) (r rewind, err error) {
	a := newArguments("rewind")
	to := a.String("to", "", "")
	a.DurationVar(&r.wait, "wait", 0, "")
	a.BoolVar(&r.isDryRun, "dry-run", false, "")
	if r.tables, err = a.parse(args); err != nil {
		return rewind{}, err
	}
	if *to == "earliest" {
		return r, nil
	}
	if r.to, err = time.Parse(time.RFC3339, *to); err != nil {
		return rewind{}, misused(errors.New("--to must be earliest, or a time like 2026-11-27T13:00:00Z"))
	}
	return r, nil
}

func parseResync(args []string) (r resync, err error) {
	a := newArguments("resync")
	a.StringVar(&r.where, "where", "", "")
	a.StringVar(&r.connector, "connector", "nova", "")
	a.StringVar(&r.signals, "signals", "public.debezium_signal", "")
	a.DurationVar(&r.quiet, "quiet", 2*time.Minute, "")
	if r.tables, err = a.parse(args); err != nil {
		return resync{}, err
	}
	switch {
	case len(a.names) == 0:
		err = errors.New("--table is needed")
	case r.where != "" && len(a.names) > 1:
		err = errors.New("--where is for one table")
	case r.quiet <= 0:
		err = errors.New("--quiet must be positive")
	case !regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`).MatchString(r.signals):
		err = errors.New("--signals must be a table's name, as in public.debezium_signal")
	}
	if err != nil {
		return resync{}, misused(err)
	}
	return r, nil
}
