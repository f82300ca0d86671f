package clickhouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/tlsclient"
)

// TestConfigReadsItsVariables holds the names of the variables, the defaults and
// the form of a list.
func TestConfigReadsItsVariables(t *testing.T) {
	t.Setenv("CLICKHOUSE_ADDR", "a:9000,b:9000")
	t.Setenv("CLICKHOUSE_PASSWORD", "secret")
	t.Setenv("CLICKHOUSE_COMPRESSION", "zstd")
	t.Setenv("CLICKHOUSE_TLS_ENABLED", "true")
	t.Setenv("CLICKHOUSE_TLS_SERVER_NAME", "clickhouse.nova")
	var cfg struct {
		ClickHouse clickhouse.Config `envconfig:"CLICKHOUSE"`
	}
	require.NoError(t, config.Load(&cfg))
	assert.Equal(t, clickhouse.Config{
		Addr: []string{"a:9000", "b:9000"}, Database: "nova", Username: "default", Password: "secret",
		Compression: clickhouse.ZSTD, DialTimeout: 5 * time.Second, Timeout: time.Minute, MaxConns: 8,
		TLS: tlsclient.Config{Enabled: true, ServerName: "clickhouse.nova"},
	}, cfg.ClickHouse)
}

// TestConfigNamesEveryProblem holds that all that is wrong is said at once, by
// the names of the variables.
func TestConfigNamesEveryProblem(t *testing.T) {
	for name, value := range map[string]string{
		"CLICKHOUSE_ADDR": "nowhere", "CLICKHOUSE_DATABASE": "no-va", "CLICKHOUSE_COMPRESSION": "rar",
		"CLICKHOUSE_DIAL_TIMEOUT": "-1s", "CLICKHOUSE_TIMEOUT": "1ms", "CLICKHOUSE_MAX_CONNS": "0", "CLICKHOUSE_TLS_CERT_FILE": "x",
	} {
		t.Setenv(name, value)
	}
	var cfg struct {
		ClickHouse clickhouse.Config `envconfig:"CLICKHOUSE"`
	}
	err := config.Load(&cfg)
	for _, want := range []string{
		"CLICKHOUSE_ADDR: ", "CLICKHOUSE_DATABASE ", "CLICKHOUSE_COMPRESSION ", "CLICKHOUSE_DIAL_TIMEOUT ",
		"CLICKHOUSE_TIMEOUT ", "CLICKHOUSE_MAX_CONNS ", "CLICKHOUSE_TLS_CERT_FILE ",
	} {
		require.ErrorContains(t, err, want)
	}
}

// TestWriterConfigReadsItsVariable holds the name of the writer's variable, its
// default and its bound.
func TestWriterConfigReadsItsVariable(t *testing.T) {
	var cfg struct {
		Plan clickhouse.WriterConfig `envconfig:"PLAN"`
	}
	require.NoError(t, config.Load(&cfg))
	assert.Equal(t, 30*time.Minute, cfg.Plan.MaxAge)
	t.Setenv("PLAN_MAX_AGE", "0s")
	require.ErrorContains(t, config.Load(&cfg), "PLAN_MAX_AGE ")
}
