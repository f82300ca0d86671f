package lifecycle_test

import (
	"bytes"
	"context"
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
