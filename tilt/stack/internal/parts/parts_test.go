package parts

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/ports"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workspace is a layout of this workspace, changed by cfg.
func workspace(t *testing.T, cfg layout.Config) layout.Layout {
	t.Helper()
	found, err := layout.Load(t.TempDir())
	require.NoError(t, err)
	if cfg.RunDir == "" {
		cfg.RunDir = t.TempDir()
	}
	l, err := layout.New(cfg, found.Root)
	require.NoError(t, err)
	return l
}

// theirs is a configuration in which every server is the user's.
func theirs() layout.Config {
	return layout.Config{
		KafkaBrokers: "kafka:9092",
		RedisAddr:    "redis:6379",
		PostgresDSN:  config.Secret("postgres://app:secret@db:5433/app"),
		ClickHouse:   layout.ClickHouse{Addr: "clickhouse:9000"},
	}
}

func names(stages [][]supervisor.Part, having func(supervisor.Part) bool) []string {
	var found []string
	for _, stage := range stages {
		for _, part := range stage {
			if having(part) {
				found = append(found, part.Name)
			}
		}
	}
	return found
}

// Everything is there, in the order in which parts need each other: servers,
// schemas and topics, the connector, the services.
func TestStages(t *testing.T) {
	stages, err := Stages(t.Context(), Config{Layout: workspace(t, layout.Config{}), Services: true})
	require.NoError(t, err)
	runs := func(part supervisor.Part) bool { return part.Command != nil }
	require.Equal(t, []string{
		"postgres", "redis", "clickhouse", "kafka", "migrate", "connect", "cdc-ingest", "events-ingest", "invalidator", "jobs",
	}, names(stages, runs))
	require.Equal(t, []int{4, 1, 1, 4}, []int{len(stages[0]), len(stages[1]), len(stages[2]), len(stages[3])})

	stages, err = Stages(t.Context(), Config{Layout: workspace(t, layout.Config{})})
	require.NoError(t, err)
	require.Equal(t, []string{"postgres", "redis", "clickhouse", "kafka", "migrate", "connect"}, names(stages, runs))
}

// A server that the user has is awaited and not started, and its port is no
// concern of ours.
func TestTheirServers(t *testing.T) {
	cfg := Config{Layout: workspace(t, theirs()), Services: true}
	stages, err := Stages(t.Context(), cfg)
	require.NoError(t, err)
	onlyAwaited := func(part supervisor.Part) bool { return part.Command == nil && part.Ready != nil }
	require.Equal(t, []string{"postgres", "redis", "clickhouse", "kafka"}, names(stages, onlyAwaited))

	var needed []string
	for _, use := range Ports(cfg) {
		needed = append(needed, use.Part)
	}
	require.Equal(t, []string{
		"the status page", "connect", "cdc-ingest", "events-ingest", "events-ingest", "invalidator", "jobs", "jobs",
	}, needed)

	env := stages[len(stages)-1][0].Command.Env
	require.Subset(t, env, []string{"KAFKA_BROKERS=kafka:9092", "CLICKHOUSE_ADDR=clickhouse:9000", "REDIS_ADDR=redis:6379"})
	require.Subset(t, stages[2][0].Command.Env, []string{
		"POSTGRES_HOST=db", "POSTGRES_PORT=5433", "POSTGRES_USER=app", "POSTGRES_PASSWORD=secret", "POSTGRES_DATABASE=app",
	})
}

// The program that migrates is the service too, told apart by its argument alone,
// and is built once.
func TestOneProgramOfJobs(t *testing.T) {
	cfg := Config{Layout: workspace(t, layout.Config{}), Services: true}
	stages, err := Stages(t.Context(), cfg)
	require.NoError(t, err)
	migrate, jobs := stages[1][0], stages[3][3]
	require.Equal(t, migrate.Command.Path, jobs.Command.Path)
	require.Equal(t, []string{"migrate"}, migrate.Command.Args)
	require.Empty(t, jobs.Command.Args)
	require.Subset(t, jobs.Command.Env, []string{"HTTP_ADDR=127.0.0.1:8081", "ADMIN_ADDR=127.0.0.1:9104"})

	require.Equal(t, []string{
		"./services/cdc-ingest/cmd/cdc-ingest", "./services/events-ingest/cmd/events-ingest",
		"./services/invalidator/cmd/invalidator", "./services/jobs/cmd/jobs", "./tilt/stack/cmd/chserver",
	}, programs(cfg))
	require.Equal(t, []string{"./services/jobs/cmd/jobs"}, programs(Config{Layout: workspace(t, theirs())}))
}

// Every port moves with PORT_BASE, and each is named once.
func TestPorts(t *testing.T) {
	addresses := func(base int) []ports.Use {
		return Ports(Config{Layout: workspace(t, layout.Config{PortBase: base}), Services: true})
	}
	seen := map[string]bool{}
	moved := addresses(1000)
	for i, use := range addresses(0) {
		require.False(t, seen[use.Address], use.Address)
		seen[use.Address] = true
		require.NotEqual(t, use.Address, moved[i].Address)
		require.Equal(t, use.Part, moved[i].Part)
	}
	for _, address := range []string{"127.0.0.1:5432", "127.0.0.1:6379", "127.0.0.1:8080", "127.0.0.1:8088", "127.0.0.1:9000", "127.0.0.1:9093"} {
		require.True(t, seen[address], address)
	}
}

// Offsets of the connector belong to a pair of servers: another database or
// another Kafka gets a snapshot, the stack's own keep theirs on other ports.
func TestOffsetsName(t *testing.T) {
	name := func(change func(*layout.Config)) string {
		var cfg layout.Config
		change(&cfg)
		return offsetsName(workspace(t, cfg))
	}
	own := name(func(*layout.Config) {})
	require.Equal(t, own, name(func(c *layout.Config) { c.PortBase = 1000 }))
	distinct := map[string]bool{
		own: true,
		name(func(c *layout.Config) { c.KafkaBrokers = "a:9092" }):                                 true,
		name(func(c *layout.Config) { c.KafkaBrokers = "b:9092" }):                                 true,
		name(func(c *layout.Config) { c.PostgresDSN = "postgres://u@a/x" }):                        true,
		name(func(c *layout.Config) { c.PostgresDSN = "postgres://u@a/y" }):                        true,
		name(func(c *layout.Config) { c.PostgresDSN, c.KafkaBrokers = "postgres://u@a/y", "a:1" }): true,
	}
	require.Len(t, distinct, 6)
}

// Data is made whole or not at all, over any number of interrupted starts, and
// only once.
func TestMakeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cluster")
	interrupted := errors.New("interrupted")
	require.ErrorIs(t, makeOnce(path, func(next string) error {
		require.NoError(t, os.MkdirAll(filepath.Join(next, "half"), 0o700))
		return interrupted
	}), interrupted)
	require.NoDirExists(t, path)

	require.NoError(t, makeOnce(path, func(next string) error {
		require.NoDirExists(t, next)
		return os.MkdirAll(filepath.Join(next, "whole"), 0o700)
	}))
	require.NoDirExists(t, filepath.Join(path, "half"))
	require.DirExists(t, filepath.Join(path, "whole"))
	require.NoError(t, makeOnce(path, func(string) error { return errors.New("made twice") }))
}

// PostgreSQL's data outside of RUN_DIR goes with clean, and nothing does that
// merely looks like it.
func TestRemoveOutside(t *testing.T) {
	l := workspace(t, layout.Config{})
	link := l.Data("postgres")
	require.NoError(t, RemoveOutside(l), "nothing there")

	precious := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
	require.NoError(t, os.Symlink(precious, link))
	require.NoError(t, RemoveOutside(l))
	require.DirExists(t, precious)
}
