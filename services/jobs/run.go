package jobs

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/httpserver"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/jobs/internal/api"
	"github.com/nova-data/nova/services/jobs/internal/cache"
	"github.com/nova-data/nova/services/jobs/internal/definition"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
	"github.com/nova-data/nova/services/jobs/internal/store"
	"github.com/nova-data/nova/services/jobs/internal/trending"
)

const (
	topic = "cdc.job_definitions"
	group = "nova-jobs"
	// schemaVersion has every table that a job reads.
	schemaVersion = 3

	// afterConsumer is the time left for the rest once the consumer has drained.
	afterConsumer = 5 * time.Second
)

// Run runs the service until ctx ends. The log goes to output. Its errors are a
// configuration that cannot work, an address in use, and work that was not
// finished in time; dependencies that are away are waited for.
func Run(ctx context.Context, cfg Config, output io.Writer) error {
	if err := cfg.checkService(); err != nil {
		return err
	}
	watch, err := telemetry.New(cfg.Telemetry, telemetry.Deps{Service: "jobs", AdminAddr: cfg.AdminAddr, Output: output})
	if err != nil {
		return err
	}
	kafka, err := broker.Open(cfg.Kafka)
	if err != nil {
		return err
	}
	defer kafka.Close()
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: watch.Log, Meter: watch.Meter("clickhouse")})
	if err != nil {
		return err
	}
	defer pool.Close()
	results, err := cache.Open(cfg.Redis, cfg.Cache, cache.Deps{Health: watch.Health})
	if err != nil {
		return err
	}
	defer results.Close()
	warehouse, err := store.New( //nolint:contextcheck // a breaker outlives its calls
		store.Config{Breaker: cfg.Breaker, MaxMemoryBytes: cfg.JobMaxMemoryBytes, SchemaVersion: schemaVersion},
		store.Deps{Pool: pool, Log: watch.Log, Meter: watch.Meter("store"), Health: watch.Health},
	)
	if err != nil {
		return err
	}
	kind := trending.Kind{Store: warehouse, Cache: results, TTL: cfg.Cache.TTL, Limit: cfg.Job.Timeout}
	jobs, err := scheduler.New(cfg.Job, scheduler.Deps{
		Kinds: map[string]scheduler.Kind{"trending": kind}, Claims: results, Ready: warehouse.Ready(),
		FromFile: cfg.JobsDefinitionsFile != "", Log: watch.Log, Meter: watch.Meter("scheduler"), Health: watch.Health,
	})
	if err != nil {
		return err
	}
	member, err := join(cfg, kafka, jobs, watch)
	if err != nil {
		return err
	}
	server, err := listen(ctx, cfg, kind, jobs, watch)
	if err != nil {
		return err
	}
	return parts{warehouse: warehouse, jobs: jobs, member: member, server: server}.run(ctx, cfg, watch)
}

// parts is what runs.
type parts struct {
	warehouse *store.Store
	jobs      *scheduler.Scheduler
	member    *consumer.Consumer
	server    *httpserver.Server
}

func (p parts) run(ctx context.Context, cfg Config, watch *telemetry.Telemetry) error {
	members := lifecycle.NewGroup(watch.Log, cfg.HTTP.Server(cfg.Cache.Timeout).DrainTime()+cfg.Consumer.DrainTimeout+afterConsumer)
	members.Add("admin server", watch.ServeAdmin)
	members.Add("ClickHouse probe", p.warehouse.Run)
	members.Add("scheduler", p.jobs.Run)
	if cfg.JobsDefinitionsFile != "" {
		members.Add("definitions file", definition.File{
			Path: cfg.JobsDefinitionsFile, Changed: p.jobs.FileChanged, Failed: p.jobs.FileFailed,
		}.Watch)
	}
	members.Add("consumer", p.member.Run)
	members.Add("jobs API", p.server.Run)
	watch.Health.Ready()
	defer context.AfterFunc(ctx, watch.Health.Draining)()
	return members.Run(ctx)
}

func join(cfg Config, kafka *broker.Cluster, jobs *scheduler.Scheduler, watch *telemetry.Telemetry) (*consumer.Consumer, error) {
	return consumer.New(cfg.Consumer, consumer.Deps{
		Broker: kafka, Group: group, Topics: []string{topic}, Handler: jobs, Positions: consumer.FromStart(),
		Log: watch.Log, Meter: watch.Meter("consumer"), Health: watch.Health,
	})
}

// listen serves what jobs of the kind compute, within the time that readers have.
func listen(
	ctx context.Context, cfg Config, kind trending.Kind, jobs *scheduler.Scheduler, watch *telemetry.Telemetry,
) (*httpserver.Server, error) {
	hits, err1 := telemetry.NewHitRatio(watch.Meter("cache"), "trending")
	kind.Limit = cfg.HTTP.QueryTimeout
	handler, err2 := api.NewHandler(api.Deps{
		Lists: trending.NewReader(kind, jobs, hits, watch.Log), Jobs: jobs, Meter: watch.Meter("api"),
	})
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return httpserver.Listen(ctx, cfg.HTTP.Server(cfg.Cache.Timeout), handler, watch.Log)
}
