package eventsingest_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	eventsingest "github.com/nova-data/nova/services/events-ingest"
)

// The command line shows help and configuration, and refuses what it does not
// know.
func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, 0, "events-ingest config", ""},
		{[]string{"config"}, 0, "| `DEDUP_TTL` |", ""},
		{[]string{"migrate"}, 2, "", `"migrate" is not a command`},
		{[]string{"config", "all"}, 2, "", "not a command"},
	} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, test.code, eventsingest.Main(test.args, &stdout, &stderr), test.args)
		assert.Contains(t, stdout.String(), test.stdout)
		assert.Contains(t, stderr.String(), test.stderr)
	}
}

// Every wrong setting is named at once, by its variable; above all one that lets
// a copy come after its claim has ended.
func TestConfigNamesEveryProblem(t *testing.T) {
	t.Setenv("DEDUP_TTL", "23h")
	t.Setenv("DRAIN_TIMEOUT", "1h")
	t.Setenv("DLQ_MAX_RECORD_BYTES", "1000")
	t.Setenv("HTTP_MAX_EVENTS", "0")
	t.Setenv("REDIS_ADDR", "redis")
	var cfg eventsingest.Config
	err := config.Load(&cfg)
	require.Error(t, err)
	for _, variable := range []string{"DEDUP_TTL", "DRAIN_TIMEOUT", "DLQ_MAX_RECORD_BYTES", "HTTP_MAX_EVENTS", "REDIS_ADDR"} {
		assert.ErrorContains(t, err, variable)
	}
}

// The defaults hold together and are those of the local stack.
func TestDefaults(t *testing.T) {
	cfg := load(t)
	assert.Equal(t, "127.0.0.1:8080", cfg.HTTP.Addr)
	assert.Equal(t, "127.0.0.1:9102", cfg.AdminAddr)
}
