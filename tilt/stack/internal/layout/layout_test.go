package layout_test

import (
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The variables are the stack's public face: their names and form do not change
// unnoticed.
func TestEnvGolden(t *testing.T) {
	for name, cfg := range map[string]layout.Config{
		"own": {PortBase: 20000},
		"theirs": {
			KafkaBrokers: "kafka-1:9092,kafka-2:9092",
			RedisAddr:    "redis:6380",
			PostgresDSN:  "postgres://nova:it's&secret@db/app",
			ClickHouse:   layout.ClickHouse{Addr: "ch.example:9440"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := layout.New(cfg, t.TempDir())
			require.NoError(t, err)
			golden := filepath.Join("testdata", name+".env")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(l.Env()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), l.Env())
		})
	}
}

// A shell reads every value back as it was, and so does ReadEnv where it needs
// no quotes.
func TestEnvFile(t *testing.T) {
	dsn := "postgres://nova:it's$HOME&secret@db/app?sslmode=disable"
	l, err := layout.New(layout.Config{
		PortBase: 20000, RunDir: t.TempDir(), PostgresDSN: config.Secret(dsn),
	}, t.TempDir())
	require.NoError(t, err)
	require.Empty(t, l.ReadEnv("STATUS_URL"))
	require.NoError(t, l.WriteEnv())

	out, err := exec.CommandContext(t.Context(), "sh", "-c", ". "+l.EnvFile()+`; printf %s "$POSTGRES_DSN"`).Output()
	require.NoError(t, err)
	require.Equal(t, dsn, string(out))
	require.Equal(t, "http://127.0.0.1:28088", l.ReadEnv("STATUS_URL"))
	info, err := os.Stat(l.EnvFile())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

// A variable that is set names the user's server; one that names the stack's own
// address, as in a shell that has read .run/env, does so only while someone
// listens there.
func TestOwnAndTheirs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	taken, err := strconv.Atoi(port)
	require.NoError(t, err)

	base := func(port int) layout.Config { return layout.Config{PortBase: taken - port} }
	for name, test := range map[string]struct {
		cfg  layout.Config
		addr string
		want layout.Server
	}{
		"unset":     {base(layout.RedisPort), "", layout.Server{Addr: listener.Addr().String(), Own: true}},
		"elsewhere": {base(layout.RedisPort), "redis:6379", layout.Server{Addr: "redis:6379"}},
		"own, taken": {
			base(layout.RedisPort), listener.Addr().String(), layout.Server{Addr: listener.Addr().String()},
		},
		"own, free": {
			layout.Config{PortBase: 1}, "127.0.0.1:6380", layout.Server{Addr: "127.0.0.1:6380", Own: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.RedisAddr = test.addr
			l, err := layout.New(test.cfg, t.TempDir())
			require.NoError(t, err)
			require.Equal(t, test.want, l.Redis)
		})
	}
}

// Every problem is named by its variable, and no secret is shown.
func TestValidate(t *testing.T) {
	for variable, value := range map[string]string{
		"PORT_BASE":       "60000",
		"KAFKA_BROKERS":   "kafka",
		"REDIS_ADDR":      "localhost",
		"CLICKHOUSE_ADDR": "clickhouse",
		"POSTGRES_DSN":    "host=db password=hunter2",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			_, err := layout.Load("")
			require.ErrorContains(t, err, variable)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// The workspace is found from any directory in it, and missed by name outside.
func TestWorkspace(t *testing.T) {
	l, err := layout.Load("")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(l.Root, "go.work"))

	t.Chdir(t.TempDir())
	_, err = layout.Load("")
	require.ErrorContains(t, err, "go.work")
}
