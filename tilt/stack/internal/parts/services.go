package parts

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/probe"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// migrator is the service whose program also migrates, before any service runs.
const migrator = "jobs"

// service is one program of services/ that the stack runs.
type service struct {
	name string
	// admin is its admin port, http that of its API, or 0.
	admin, http int
	// env is what it takes beside the servers' addresses; nil is nothing.
	env func(layout.Layout) []string
}

// services returns the services in the order in which they are started.
func services() []service {
	return []service{
		{name: "cdc-ingest", admin: layout.CDCIngestAdmin, env: sourceEnv},
		{name: "events-ingest", admin: layout.EventsIngestAdmin, http: layout.EventsPort},
		{name: "invalidator", admin: layout.InvalidatorAdmin},
		{name: migrator, admin: layout.JobsAdmin, http: layout.JobsPort},
	}
}

func (s service) ports() []int {
	if s.http == 0 {
		return []int{s.admin}
	}
	return []int{s.admin, s.http}
}

func serviceParts(l layout.Layout) []supervisor.Part {
	all := services()
	parts := make([]supervisor.Part, 0, len(all))
	for _, s := range all {
		part := supervisor.Part{
			Name:    s.name,
			Address: l.Address(s.admin),
			Ready:   probe.HTTP(l.URL(s.admin) + "/readyz"),
			Command: &supervisor.Command{
				Path: l.Bin(s.name),
				Env:  append(serverEnv(l), "ADMIN_ADDR="+l.Address(s.admin)),
				Dir:  l.Run,
			},
		}
		if s.env != nil {
			part.Command.Env = append(part.Command.Env, s.env(l)...)
		}
		if s.http != 0 {
			part.Address = l.Address(s.http)
			part.Command.Env = append(part.Command.Env, "HTTP_ADDR="+l.Address(s.http))
		}
		parts = append(parts, part)
	}
	return parts
}

// migratePart brings ClickHouse's schema and Kafka's topics up to date.
func migratePart(l layout.Layout) supervisor.Part {
	return supervisor.Part{
		Name:     "migrate",
		Once:     true,
		Patience: 2 * time.Minute,
		Command:  &supervisor.Command{Path: l.Bin(migrator), Args: []string{"migrate"}, Env: serverEnv(l), Dir: l.Run},
	}
}

// sourceEnv is what is watched of where changes come from.
func sourceEnv(l layout.Layout) []string {
	return []string{"POSTGRES_DSN=" + l.PostgresDSN(), "CONNECT_URL=" + l.URL(layout.ConnectPort)}
}

func serverEnv(l layout.Layout) []string {
	return []string{
		"KAFKA_BROKERS=" + l.Kafka.Addr,
		"CLICKHOUSE_ADDR=" + l.ClickHouse.Addr,
		"REDIS_ADDR=" + l.Redis.Addr,
		// A service that was killed gets its partitions back when its session has
		// ended; this is the least that Kafka allows.
		"SESSION_TIMEOUT=6s",
	}
}

// programs returns the packages of the workspace that the stack runs, each once.
func programs(cfg Config) []string {
	names := []string{migrator}
	if cfg.Services {
		for _, s := range services() {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	found := make([]string, 0, len(names)+1)
	for _, name := range names {
		found = append(found, "./"+filepath.Join("services", name, "cmd", name))
	}
	if cfg.Layout.ClickHouse.Own {
		found = append(found, "./tilt/stack/cmd/chserver")
	}
	return found
}

// Build compiles the programs of the workspace that the stack runs.
func Build(ctx context.Context, cfg Config, out io.Writer) error {
	l := cfg.Layout
	if err := os.MkdirAll(l.Bin(""), 0o755); err != nil { //nolint:gosec // programs
		return err
	}
	build := exec.CommandContext(ctx, "go", append([]string{"build", "-o", l.Bin("") + "/"}, programs(cfg)...)...) //nolint:gosec // the workspace's own programs
	build.Dir = l.Root
	build.Stdout, build.Stderr = out, out
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the services: %w", err)
	}
	return nil
}
