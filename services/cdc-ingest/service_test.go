package cdcingest_test

import (
	"bytes"
	"hash/fnv"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/kafkatest"
	cdcingest "github.com/nova-data/nova/services/cdc-ingest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
)

const (
	group      = "nova-cdc-ingest"
	letters    = "cdc-dlq"
	partitions = 3

	// asService as the first argument makes the test binary behave as cdc-ingest.
	asService = "as-cdc-ingest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asService {
		os.Exit(cdcingest.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

func tables() []string { return []string{"users", "posts", "comments", "likes", "follows"} }

// environment is what the service talks to.
type environment struct {
	*testing.T
	clickhouse *chtest.Server
	kafka      *kafkatest.Cluster
}

// start starts ClickHouse, without the schema, and Kafka with the topics.
func start(t *testing.T) environment {
	t.Helper()
	topics := []kafkatest.Topic{{Name: letters, Partitions: 1}}
	for _, table := range tables() {
		topics = append(topics, kafkatest.Topic{Name: "cdc." + table, Partitions: partitions})
	}
	e := environment{T: t, clickhouse: chtest.Start(t, chtest.WithFlags("--faults")), kafka: kafkatest.Start(t, topics...)}
	for name, value := range map[string]string{
		"CLICKHOUSE_ADDR":    e.clickhouse.Addr,
		"KAFKA_BROKERS":      strings.Join(e.kafka.Brokers, ","),
		"ADMIN_ADDR":         "127.0.0.1:0",
		"BATCH_AGE":          "20ms",
		"FETCH_WAIT":         "100ms",
		"HEARTBEAT_INTERVAL": "100ms",
		"SESSION_TIMEOUT":    "6s",
	} {
		t.Setenv(name, value)
	}
	return e
}

// migrated is start with the schema applied.
func migrated(t *testing.T) environment {
	t.Helper()
	e := start(t)
	e.migrate()
	return e
}

func (e environment) migrate() {
	e.Helper()
	var cfg struct {
		ClickHouse clickhouse.Config `envconfig:"CLICKHOUSE"`
		Schema     schema.Config     `envconfig:"CLICKHOUSE"`
	}
	require.NoError(e, config.Load(&cfg))
	discard := slog.New(slog.DiscardHandler)
	pool, err := clickhouse.Open(cfg.ClickHouse, clickhouse.Deps{Log: discard, Meter: noop.NewMeterProvider().Meter("")})
	require.NoError(e, err)
	defer pool.Close()
	_, err = schema.New(cfg.Schema, pool, discard).Apply(e.Context())
	require.NoError(e, err)
}

// process is a running cdc-ingest.
type process struct {
	environment
	command *exec.Cmd
	log     *log
}

// log is a buffer that may be read while it is written.
type log struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

// logged is what the service has logged so far.
func (p *process) logged() string {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	return p.log.buffer.String()
}

// run starts the service. It is killed with the test if it still runs.
func (e environment) run() *process {
	e.Helper()
	p := &process{environment: e, log: &log{}}
	p.command = exec.Command(os.Args[0], asService) // it ends by signals, as in production
	p.command.Stderr = p.log
	require.NoError(e, p.command.Start())
	e.Cleanup(func() {
		p.kill()
		if e.Failed() {
			e.Logf("log of cdc-ingest:\n%s", p.logged())
		}
	})
	return p
}

// kill ends the service as a crash does.
func (p *process) kill() {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
}

// stop ends the service as an orchestrator does, and requires a clean exit.
func (p *process) stop() {
	p.Helper()
	require.NoError(p, p.command.Process.Signal(os.Interrupt))
	require.NoError(p, p.command.Wait())
}

// produce puts records on a table's topic, each key in a partition of its own
// choice, as the connector does.
func (e environment) produce(table string, records ...cdctest.Record) {
	e.Helper()
	batch := make([]kafkatest.Record, 0, len(records))
	for _, r := range records {
		hash := fnv.New32a()
		_, _ = hash.Write(r.Key)
		batch = append(batch, kafkatest.Record{Topic: "cdc." + table, Partition: int(hash.Sum32() % partitions), Key: r.Key, Value: r.Value})
	}
	e.kafka.Produce(batch...)
}

// awaitCommits waits until every record of the tables is committed.
func (e environment) awaitCommits(tables ...string) {
	e.Helper()
	for _, table := range tables {
		ends := e.kafka.Ends("cdc." + table)
		for partition, end := range ends {
			if end == 0 {
				delete(ends, partition)
			}
		}
		e.kafka.AwaitCommitted(group, "cdc."+table, ends)
	}
}

// rows is what a reader sees of every table and view.
func (e environment) rows() string {
	e.Helper()
	var text strings.Builder
	for _, table := range []string{"users", "posts", "comments", "likes", "user_relationships", "user_relationships_current", "user_followers_current"} {
		text.WriteString("-- " + table + "\n" + e.clickhouse.Query("SELECT * FROM "+table+" FINAL ORDER BY ALL") + "\n")
	}
	return text.String()
}

// await polls until done returns true.
func (e environment) await(what string, done func() bool) {
	e.Helper()
	deadline, tick := time.After(kafkatest.Patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			require.Fail(e, "gave up waiting", what)
		case <-tick.C:
		}
	}
}
