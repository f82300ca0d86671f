package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/services/jobs"
)

// The defaults hold together and are those of the local stack; a definition is in
// force at once.
func TestDefaults(t *testing.T) {
	var cfg jobs.Config
	require.NoError(t, config.Load(&cfg))
	assert.Equal(t, "127.0.0.1:8081", cfg.HTTP.Addr)
	assert.Equal(t, "127.0.0.1:9104", cfg.AdminAddr)
	assert.Equal(t, 20*time.Millisecond, cfg.Consumer.BatchAge)
}

// Every wrong setting is named at once, by its variable.
func TestConfigNamesEveryProblem(t *testing.T) {
	wrong := map[string]string{
		"HTTP_ADDR": "8081", "HTTP_QUERY_TIMEOUT": "0s", "JOB_TIMEOUT": "1ms", "JOB_CONCURRENCY": "0", "JOB_MAX_MEMORY_BYTES": "0",
		"MIGRATE_TIMEOUT": "-1s", "CACHE_TTL": "0s", "CACHE_REDIS_ADDR": "redis", "CLICKHOUSE_BREAKER_FAILURES": "0", "DRAIN_TIMEOUT": "1h",
	}
	for name, value := range wrong {
		t.Setenv(name, value)
	}
	var cfg jobs.Config
	err := config.Load(&cfg)
	require.Error(t, err)
	for name := range wrong {
		assert.ErrorContains(t, err, name)
	}
}

// The service refuses to let jobs take every connection; a migration, which runs
// none, does not mind.
func TestJobsLeaveAConnectionToReaders(t *testing.T) {
	t.Setenv("CLICKHOUSE_MAX_CONNS", "4")
	refused := run(t)
	assert.Equal(t, 1, refused.code)
	assert.Contains(t, refused.stderr, "JOB_CONCURRENCY must be below CLICKHOUSE_MAX_CONNS")
	servers(t)
	assert.Zero(t, run(t, "migrate").code)
}
