package cdcingest_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	cdcingest "github.com/nova-data/nova/services/cdc-ingest"
)

// The command line shows help and configuration, and refuses what it does not
// know.
func TestCommandLine(t *testing.T) {
	tests := []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, 0, "cdc-ingest config", ""},
		{[]string{"config"}, 0, "| `CDC_EPOCHS` |", ""},
		{[]string{"migrate"}, 2, "", "not a command"},
		{[]string{"config", "all"}, 2, "", "not a command"},
	}
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, test.code, cdcingest.Main(test.args, &stdout, &stderr), test.args)
		assert.Contains(t, stdout.String(), test.stdout)
		assert.Contains(t, stderr.String(), test.stderr)
	}
}

// Every wrong setting is named at once, by its variable.
func TestConfigNamesEveryProblem(t *testing.T) {
	t.Setenv("CDC_EPOCHS", "nova:1,nova2:1")
	t.Setenv("DLQ_MAX_RECORD_BYTES", "0")
	t.Setenv("BATCH_ROWS", "0")
	t.Setenv("CLICKHOUSE_BREAKER_FAILURES", "0")
	t.Setenv("DLQ_GUARD_RATIO", "2")
	var cfg cdcingest.Config
	err := config.Load(&cfg)
	require.Error(t, err)
	for _, want := range []string{"CDC_EPOCHS must not give nova and nova2 the same epoch", "DLQ_MAX_RECORD_BYTES", "BATCH_ROWS", "CLICKHOUSE_BREAKER_FAILURES", "DLQ_GUARD_RATIO"} {
		assert.ErrorContains(t, err, want)
	}
}

// The defaults are those of the local stack.
func TestDefaults(t *testing.T) {
	var cfg cdcingest.Config
	require.NoError(t, config.Load(&cfg))
	assert.Equal(t, "nova:0", cfg.CDCEpochs.String())
	assert.Equal(t, "cdc-dlq", cfg.DLQTopic)
}
