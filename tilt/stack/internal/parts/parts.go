package parts

import (
	"context"
	"fmt"
	"os"

	"github.com/nova-data/nova/tilt/stack/internal/host"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/ports"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// Config says what to run.
type Config struct {
	Layout layout.Layout
	// Jars is the directory of Kafka's and Debezium's jars.
	Jars string
	// Library is the ClickHouse engine, libchdb.so.
	Library string
	// Services says whether the services run too, or the servers alone.
	Services bool
}

// Stages returns the parts in the order in which they depend on each other.
func Stages(ctx context.Context, cfg Config) ([][]supervisor.Part, error) {
	l := cfg.Layout
	postgres, err := postgresPart(ctx, l)
	if err != nil {
		return nil, err
	}
	redis, err := redisPart(l)
	if err != nil {
		return nil, err
	}
	java, err := host.Java(ctx)
	if err != nil {
		return nil, err
	}
	jvm := jvm{java: java, jars: cfg.Jars}
	connect, err := connectPart(l, jvm)
	if err != nil {
		return nil, err
	}
	stages := [][]supervisor.Part{
		{postgres, redis, clickHousePart(l, cfg.Library), kafkaPart(l, jvm)},
		{migratePart(l)},
		{connect},
	}
	if cfg.Services {
		stages = append(stages, serviceParts(l))
	}
	return stages, nil
}

// Ports returns what the stack is going to listen on.
func Ports(cfg Config) []ports.Use {
	l := cfg.Layout
	uses := []ports.Use{
		{Part: "the status page", Address: l.Address(layout.StatusPort)},
		{Part: "connect", Address: l.Address(layout.ConnectPort)},
	}
	for _, server := range []struct {
		layout.Server
		part, variable string
		ports          []int
	}{
		{l.Postgres, "postgres", "POSTGRES_DSN", []int{layout.PostgresPort}},
		{l.Redis, "redis", "REDIS_ADDR", []int{layout.RedisPort}},
		{l.ClickHouse, "clickhouse", "CLICKHOUSE_ADDR", []int{layout.ClickHousePort, layout.ClickHouseHTTPPort}},
		{l.Kafka, "kafka", "KAFKA_BROKERS", []int{layout.KafkaPort, layout.KafkaControllerPort}},
	} {
		if !server.Own {
			continue
		}
		for _, port := range server.ports {
			uses = append(uses, ports.Use{Part: server.part, Address: l.Address(port), Variable: server.variable})
		}
	}
	if !cfg.Services {
		return uses
	}
	for _, service := range services() {
		for _, port := range service.ports() {
			uses = append(uses, ports.Use{Part: service.name, Address: l.Address(port)})
		}
	}
	return uses
}

// makeOnce makes a directory by fill, which gets a name beside it that is
// renamed when fill has returned. It does nothing where path exists.
func makeOnce(path string, fill func(next string) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	next := path + ".next"
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("removing what an interrupted start left: %w", err)
	}
	if err := fill(next); err != nil {
		return err
	}
	return os.Rename(next, path)
}
