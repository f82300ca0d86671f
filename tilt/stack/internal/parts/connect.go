package parts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/probe"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// connector is the name in tilt/debezium/nova.json.
const connector = "nova"

func connectPart(l layout.Layout, jvm jvm) (supervisor.Part, error) {
	env, err := connectorEnv(l)
	if err != nil {
		return supervisor.Part{}, err
	}
	home := l.Data("connect")
	worker := filepath.Join(home, "worker.properties")
	config := filepath.Join(l.Root, "tilt", "debezium", connector+".json")
	return supervisor.Part{
		Name:     "connect",
		Address:  l.Address(layout.ConnectPort),
		Patience: 3 * time.Minute,
		Prepare: func(context.Context) error {
			if err := os.MkdirAll(home, 0o700); err != nil {
				return err
			}
			return os.WriteFile(worker, []byte(workerProperties(l, home)), 0o600)
		},
		Ready: restartFailed(probe.Connector(l.URL(layout.ConnectPort), connector)),
		Command: &supervisor.Command{
			Path: jvm.java,
			Args: jvm.args([]string{"-Xmx512m", quick}, "org.apache.kafka.connect.cli.ConnectStandalone", worker, config),
			Env:  env,
			Dir:  home,
		},
	}, nil
}

// restartFailed makes a failed task a reason to start Connect again, which goes
// on where its offsets are.
func restartFailed(ready probe.Probe) probe.Probe {
	return func(ctx context.Context) error {
		err := ready(ctx)
		var failed *probe.FailedError
		if errors.As(err, &failed) {
			return fmt.Errorf("%w: %w", supervisor.ErrBroken, err)
		}
		return err
	}
}

// connectorEnv is what the connector's configuration takes from its environment:
// where the database is, so that the file itself serves every installation.
func connectorEnv(l layout.Layout) ([]string, error) {
	database, err := pgx.ParseConfig(l.PostgresDSN())
	if err != nil {
		return nil, err
	}
	return []string{
		"POSTGRES_HOST=" + database.Host,
		"POSTGRES_PORT=" + strconv.Itoa(int(database.Port)),
		"POSTGRES_USER=" + database.User,
		"POSTGRES_PASSWORD=" + database.Password,
		"POSTGRES_DATABASE=" + database.Database,
	}, nil
}

func workerProperties(l layout.Layout, home string) string {
	return properties(
		"bootstrap.servers", l.Kafka.Addr,
		"listeners", l.URL(layout.ConnectPort),
		"key.converter", "org.apache.kafka.connect.json.JsonConverter",
		"value.converter", "org.apache.kafka.connect.json.JsonConverter",
		"offset.storage.file.filename", filepath.Join(home, offsetsName(l)),
		"offset.flush.interval.ms", "1000",
		"plugin.discovery", "service_load",
		"config.providers", "env",
		"config.providers.env.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
		"config.providers.env.param.allowlist.pattern", "POSTGRES_.*",
		"topic.creation.enable", "false",
		"producer.compression.type", "lz4",
		"producer.linger.ms", "5",
	)
}

// offsetsName names the file of Connect's offsets. They are true of one database
// and one Kafka: another pair of servers begins with a snapshot of its own.
func offsetsName(l layout.Layout) string {
	if l.Postgres.Own && l.Kafka.Own {
		return "offsets"
	}
	pair := l.Kafka.Addr
	if !l.Postgres.Own {
		pair += "\n" + l.PostgresDSN()
	}
	sum := sha256.Sum256([]byte(pair))
	return "offsets-" + hex.EncodeToString(sum[:6])
}
