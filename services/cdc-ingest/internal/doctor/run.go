package doctor

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/services/cdc-ingest/internal/connect"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Options is what is checked, and against what.
type Options struct {
	Tables []table.Table
	Epochs debezium.Epochs
	// Connector is the connector's name. Slot and Publication are those that its
	// configuration names, or else its name.
	Connector string
	DLQTopic  string
	// SchemaVersion is the version of ClickHouse's schema that is needed.
	SchemaVersion int
}

// Deps is how the servers are reached.
type Deps struct {
	PostgresDSN string
	// ConnectURL is Kafka Connect's REST address; "" leaves the connector out.
	ConnectURL string
	HTTP       *http.Client
	Kafka      *broker.Cluster
	ClickHouse *clickhouse.Pool
	Log        *slog.Logger
}

// private are the columns that must not leave PostgreSQL, by table.
func private() map[string][]string {
	return map[string][]string{"users": {"email", "password_hash"}}
}

// Run checks everything and returns what it has found.
func Run(ctx context.Context, options Options, deps Deps) Report {
	connector := &connectorCheck{area: area{name: "connector"}, options: options}
	if deps.ConnectURL != "" {
		connector.client = connect.New(deps.ConnectURL, deps.HTTP)
	}
	connector.run(ctx)
	postgres := &postgresCheck{area: area{name: "postgresql"}, options: options, connector: connector.config}
	postgres.run(ctx, deps.PostgresDSN)
	kafka := &area{name: "kafka"}
	checkTopics(ctx, kafka, options, deps)
	clickhouse := &area{name: "clickhouse"}
	checkClickHouse(ctx, clickhouse, options, deps)

	var report Report
	for _, a := range [][]Finding{postgres.findings, connector.findings, kafka.findings, clickhouse.findings} {
		report.Findings = append(report.Findings, a...)
	}
	return report
}
