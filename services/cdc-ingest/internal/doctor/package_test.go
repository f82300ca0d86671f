package doctor_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/consumer/topics"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/doctor"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is an installation that is as it should be. A test then harms it.
type patient struct {
	*testing.T
	postgres *pgtest.Server
	conn     *pgx.Conn
	reader   *pgconn.PgConn
	pool     *clickhouse.Pool
	stored   *chtest.Server
	kafka    *broker.Cluster

	// config is what the connector is asked for, status how it does.
	config map[string]string
	status string
	// code is the answer to all requests, if it is not 0.
	code int
	url  string
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{T: t, postgres: pgtest.StartNova(t), stored: chtest.Start(t), status: `{"connector":{"state":"RUNNING"},"tasks":[{"state":"RUNNING"}]}`}
	p.conn, p.pool, p.config = p.postgres.Connect(), servicetest.Migrate(t, p.stored.Addr), shipped(t)
	p.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'")
	p.execute("SELECT pg_reload_conf()")
	p.execute("SELECT pg_create_logical_replication_slot('nova', 'pgoutput')")
	p.read()
	p.kafka = openKafka(t, kafkatest.Start(t).Brokers)
	declared, err := topics.Declared()
	require.NoError(t, err)
	_, err = topics.New(p.kafka, declared, slog.New(slog.DiscardHandler)).Apply(t.Context())
	require.NoError(t, err)
	p.url = p.connect()
	return p
}

// shipped is the configuration of tilt/debezium.
func shipped(t *testing.T) map[string]string {
	t.Helper()
	root, err := chtest.Workspace()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "tilt", "debezium", "nova.json"))
	require.NoError(t, err)
	var connector struct {
		Config map[string]string `json:"config"`
	}
	require.NoError(t, json.Unmarshal(text, &connector))
	return connector.Config
}

func openKafka(t *testing.T, brokers []string) *broker.Cluster {
	t.Helper()
	cluster, err := broker.Open(broker.Config{Brokers: brokers, ClientID: "doctor", DialTimeout: kafkatest.Patience, Timeout: kafkatest.Patience, SASL: broker.SASL{Mechanism: broker.None}})
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster
}

// read reads the slot as the connector does.
func (p *patient) read() {
	p.Helper()
	var err error
	p.reader, err = pgconn.Connect(p.Context(), p.postgres.DSN+"&replication=database")
	require.NoError(p, err)
	p.Cleanup(p.unread)
	p.reader.Frontend().SendQuery(&pgproto3.Query{String: `START_REPLICATION SLOT nova LOGICAL 0/0 (proto_version '1', publication_names 'nova')`})
	require.NoError(p, p.reader.Frontend().Flush())
	answer, err := p.reader.ReceiveMessage(p.Context())
	require.NoError(p, err)
	require.IsType(p, &pgproto3.CopyBothResponse{}, answer)
}

// unread closes the connection of read.
func (p *patient) unread() {
	if p.reader.IsClosed() {
		return
	}
	_ = p.reader.Close(context.WithoutCancel(p.Context()))
}

// connect is a Kafka Connect that knows this connector and nothing else.
func (p *patient) connect() string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.code != 0 {
			w.WriteHeader(p.code)
			return
		}
		switch r.Method + " " + r.URL.Path {
		case "GET /connectors/nova/config":
			assert.NoError(p, json.NewEncoder(w).Encode(p.config))
		case "GET /connectors/nova/status":
			_, _ = w.Write([]byte(p.status))
		default:
			p.Errorf("unexpected request: %s %s", r.Method, r.URL)
		}
	}))
	p.Cleanup(server.Close)
	return server.URL
}

func (p *patient) execute(sql string) {
	p.Helper()
	_, err := p.conn.PgConn().Exec(p.Context(), sql).ReadAll()
	require.NoError(p, err, sql)
}

// examine runs the doctor.
func (p *patient) examine() doctor.Report {
	p.Helper()
	return doctor.Run(p.Context(), doctor.Options{
		Tables: table.All(), Epochs: debezium.Epochs{"nova": 0}, Connector: "nova", DLQTopic: "cdc-dlq", SchemaVersion: 3,
	}, doctor.Deps{
		PostgresDSN: p.postgres.DSN, ConnectURL: p.url, Kafka: p.kafka, ClickHouse: p.pool, Log: slog.New(slog.DiscardHandler),
		HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
}

// ill are the findings that are not ok.
func (p *patient) ill() (found []doctor.Finding) {
	p.Helper()
	for _, f := range p.examine().Findings {
		if f.Level != doctor.OK {
			found = append(found, f)
		}
	}
	return found
}

// with is the shipped configuration, changed. An empty value is none.
func (p *patient) with(changes map[string]string) {
	p.Helper()
	p.config = shipped(p.T)
	maps.Copy(p.config, changes)
	maps.DeleteFunc(p.config, func(_, value string) bool { return value == "" })
}
