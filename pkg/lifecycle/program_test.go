package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/lifecycle"
)

// A service explains itself, prints its variables, and refuses what it does not
// know without starting.
func TestProgram(t *testing.T) {
	program := lifecycle.Program{
		Name: "svc", Summary: "does things", Config: &struct {
			Size int `default:"7" desc:"How large."`
		}{},
		Run: func(context.Context) error { t.Error("started"); return nil },
	}
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, lifecycle.ExitOK, "svc: does things", ""},
		{[]string{"config", "-h"}, lifecycle.ExitOK, "svc config", ""},
		{[]string{"config"}, lifecycle.ExitOK, "| `SIZE` | int | `7` | How large. |", ""},
		{[]string{"migrate"}, lifecycle.ExitUsage, "", `svc: "migrate" is not a command`},
		{[]string{"config", "all"}, lifecycle.ExitUsage, "", `not a command`},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, test.code, program.Main(test.args, &stdout, &stderr), test.args)
		require.Contains(t, stdout.String(), test.stdout)
		require.Contains(t, stderr.String(), test.stderr)
	}
}

// Without arguments the service runs, and its end is the program's.
func TestProgramRuns(t *testing.T) {
	ran := false
	program := lifecycle.Program{Name: "svc", Run: func(context.Context) error { ran = true; return nil }}
	require.Equal(t, lifecycle.ExitOK, program.Main(nil, nil, nil))
	require.True(t, ran)
}

// A command gets the words behind its name, its errors are printed behind both
// names, and how it is used is explained where it is asked for or got wrong.
func TestProgramCommands(t *testing.T) {
	program := lifecycle.Program{
		Name: "svc", Summary: "does things", Run: func(context.Context) error { t.Error("started"); return nil },
		Commands: []lifecycle.Command{
			{Name: "count", Usage: "[words]", Summary: "count words", Help: "Exit code 1 without any.\n", Run: count},
			{Name: "burst", Summary: "end badly", Run: func(context.Context, []string, io.Writer, io.Writer) error { panic("boom") }},
		},
	}
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, lifecycle.ExitOK, "svc count [words]       count words\nsvc burst               end badly\n", ""},
		{[]string{"count", "a", "b"}, lifecycle.ExitOK, "2\n", ""},
		{[]string{"count"}, lifecycle.ExitFailed, "", "svc count: no words\n"},
		{[]string{"count", "a", "--help"}, lifecycle.ExitOK, "svc count [words]\n\ncount words\n\nExit code 1 without any.\n", ""},
		{[]string{"count", "--all"}, lifecycle.ExitUsage, "", "svc count: no flag --all\n\nsvc count [words]\n"},
		{[]string{"burst"}, lifecycle.ExitFailed, "", "svc burst: panic: boom"},
		{[]string{"burst", "-h"}, lifecycle.ExitOK, "svc burst\n\nend badly\n", ""},
		{[]string{"counting"}, lifecycle.ExitUsage, "", `svc: "counting" is not a command`},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, test.code, program.Main(test.args, &stdout, &stderr), test.args)
		require.Contains(t, stdout.String(), test.stdout)
		require.Contains(t, stderr.String(), test.stderr)
	}
}

func count(_ context.Context, args []string, stdout, _ io.Writer) error {
	switch {
	case len(args) == 0:
		return errors.New("no words")
	case args[0] == "--all":
		return fmt.Errorf("counting: %w", &lifecycle.UsageError{Err: errors.New("no flag --all")})
	}
	_, err := fmt.Fprintln(stdout, len(args))
	return err
}
