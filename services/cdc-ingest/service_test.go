package cdcingest_test

import (
	"context"
	"hash/fnv"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	cdcingest "github.com/nova-data/nova/services/cdc-ingest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
)

const (
	group      = "nova-cdc-ingest"
	letters    = "cdc-dlq"
	partitions = 3
)

func TestMain(m *testing.M) { servicetest.Main(m, cdcingest.Main) }

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
	topics := []kafkatest.Topic{{Name: letters, Partitions: 1}, {Name: "events", Partitions: 1}}
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
	servicetest.Migrate(t, e.clickhouse.Addr)
	return e
}

// admin gives the service that is started next an admin address, and returns its URL.
func (e environment) admin() string {
	e.Helper()
	address := servicetest.FreeAddress(e)
	e.Setenv("ADMIN_ADDR", address)
	return "http://" + address
}

// post makes an operator's call.
func (e environment) post(url, body string) {
	e.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(e.Context()), http.MethodPost, url, strings.NewReader(body))
	require.NoError(e, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: kafkatest.Patience}
	response, err := client.Do(request)
	require.NoError(e, err)
	require.NoError(e, response.Body.Close())
	require.Equal(e, http.StatusOK, response.StatusCode)
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
		servicetest.AwaitCommits(e, e.kafka, group, "cdc."+table)
	}
}

// committed is how many records of a table are committed.
func (e environment) committed(table string) (sum int64) {
	e.Helper()
	for _, offset := range e.kafka.Committed(group, "cdc."+table) {
		sum += offset
	}
	return sum
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
