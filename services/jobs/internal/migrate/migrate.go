package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer/topics"
)

// Command is what is asked for.
type Command string

// The commands.
const (
	Plan   Command = "plan"
	Apply  Command = "apply"
	Status Command = "status"
)

// Commands returns all commands.
func Commands() []Command { return []Command{Plan, Apply, Status} }

// Config is what an operator sets.
type Config struct {
	Kafka      broker.Config
	ClickHouse clickhouse.Config
	Schema     schema.Config
	// Timeout is how long a dependency may take to answer for the first time.
	Timeout time.Duration
}

// Deps is how the command was asked for, and where its result goes.
type Deps struct {
	Command Command
	JSON    bool
	Output  io.Writer
	Log     *slog.Logger
	Meter   metric.Meter
}

var (
	errDrift     = errors.New("the installation differs from what the files declare; nothing was changed")
	errNotInStep = errors.New("the installation is not up to date: run jobs migrate")
)

// Run runs the command and writes its result. Drift is an error of every
// command, something left to do is one of Status.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	cluster, err := broker.Open(cfg.Kafka)
	if err != nil {
		return err
	}
	defer cluster.Close()
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: deps.Log, Meter: deps.Meter})
	if err != nil {
		return err
	}
	defer pool.Close()
	declared, err := topics.Declared()
	if err != nil {
		return err
	}
	m := migration{
		cfg:    cfg,
		deps:   deps,
		schema: schema.New(cfg.Schema, pool, deps.Log),
		topics: topics.New(cluster, declared, deps.Log),
	}
	if err := m.await(ctx, pool, cluster); err != nil {
		return err
	}
	return m.run(ctx)
}

// migration is one run of a command.
type migration struct {
	cfg    Config
	deps   Deps
	schema *schema.Migrator
	topics *topics.Migrator
}

func (m migration) run(ctx context.Context) error {
	found, err := m.plan(ctx)
	if err != nil {
		return err
	}
	if found.hasDrift() {
		return errors.Join(found.write(m.deps), errDrift)
	}
	if m.deps.Command == Apply {
		if found, err = m.apply(ctx); err != nil {
			return err
		}
	}
	if err := found.write(m.deps); err != nil {
		return err
	}
	if m.deps.Command == Status && !found.InStep {
		return errNotInStep
	}
	return nil
}

func (m migration) plan(ctx context.Context) (report, error) {
	schemaPlan, err := m.schema.Plan(ctx)
	if err != nil {
		return report{}, fmt.Errorf("planning the ClickHouse schema: %w", err)
	}
	topicsPlan, err := m.topics.Plan(ctx)
	if err != nil {
		return report{}, fmt.Errorf("planning the Kafka topics: %w", err)
	}
	return newReport(schemaPlan, topicsPlan), nil
}

// apply returns what was done.
func (m migration) apply(ctx context.Context) (report, error) {
	schemaPlan, err := m.schema.Apply(ctx)
	if err != nil {
		return report{}, fmt.Errorf("migrating the ClickHouse schema: %w", err)
	}
	topicsPlan, err := m.topics.Apply(ctx)
	if err != nil {
		return report{}, fmt.Errorf("migrating the Kafka topics: %w", err)
	}
	done := newReport(schemaPlan, topicsPlan)
	done.InStep = true
	return done, nil
}
