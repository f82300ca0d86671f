package invalidator_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/services/invalidator"
)

// The command line shows help and configuration, and refuses what it does not
// know.
func TestCommandLine(t *testing.T) {
	tests := []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, 0, "invalidator config", ""},
		{[]string{"config"}, 0, "| `SWEEP_INTERVAL` |", ""},
		{[]string{"config"}, 0, "| `START_OFFSETS` | string | `latest` |", ""},
		{[]string{"config"}, 0, "| `CACHE_REDIS_ADDR` |", ""},
		{[]string{"migrate"}, 2, "", "not a command"},
	}
	for _, test := range tests {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, test.code, invalidator.Main(test.args, &stdout, &stderr), test.args)
		assert.Contains(t, stdout.String(), test.stdout)
		assert.Contains(t, stderr.String(), test.stderr)
	}
}

// Every wrong setting is named at once, by its variable.
func TestConfigNamesEveryProblem(t *testing.T) {
	t.Setenv("SWEEP_INTERVAL", "0s")
	t.Setenv("CACHE_TIMEOUT", "0s")
	t.Setenv("BATCH_ROWS", "0")
	t.Setenv("START_OFFSETS", "middle")
	var cfg invalidator.Config
	err := config.Load(&cfg)
	require.Error(t, err)
	for _, want := range []string{"SWEEP_INTERVAL", "CACHE_TIMEOUT", "BATCH_ROWS", "START_OFFSETS"} {
		assert.ErrorContains(t, err, want)
	}
}

// Stale pages go soon, and a new group has nothing to catch up with.
func TestDefaults(t *testing.T) {
	var cfg invalidator.Config
	require.NoError(t, config.Load(&cfg))
	assert.Equal(t, consumer.Latest, cfg.Positions.StartOffsets)
	assert.Equal(t, 20*time.Millisecond, cfg.Consumer.BatchAge)
	assert.True(t, cfg.Sweep.Enabled)
	assert.Equal(t, 100*time.Millisecond, cfg.Sweep.Interval)
}
