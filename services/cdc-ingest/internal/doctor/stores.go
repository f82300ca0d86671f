package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/clickhouse/schema"
	"github.com/nova-data/nova/pkg/consumer/topics"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// defaultDLQTopic is the declared topic of dead letters.
const defaultDLQTopic = "cdc-dlq"

// checkTopics compares the topics that are read and written with their declaration.
func checkTopics(ctx context.Context, a *area, options Options, deps Deps) {
	declared, err := topics.Declared()
	if err != nil {
		a.fail("", "the declared topics cannot be read: %v", err)
		return
	}
	wanted := []string{defaultDLQTopic}
	for _, t := range options.Tables {
		wanted = append(wanted, t.Topic())
	}
	declared = slices.DeleteFunc(declared, func(t topics.Topic) bool { return !slices.Contains(wanted, t.Name) })
	for i := range declared {
		if declared[i].Name == defaultDLQTopic {
			declared[i].Name = options.DLQTopic
		}
	}
	plan, err := topics.New(deps.Kafka, declared, deps.Log).Plan(ctx)
	if err != nil {
		a.fail("set KAFKA_BROKERS to addresses that answer", "Kafka at %s cannot be asked: %v", strings.Join(deps.Kafka.Addresses(), ","), err)
		return
	}
	for _, step := range plan.Steps {
		if strings.HasPrefix(step.Name, "create ") {
			a.fail("jobs migrate", "topic %s is missing", step.Topic)
			continue
		}
		a.warn("jobs migrate", "topic %s has other settings than declared: %s", step.Topic, step.Name)
	}
	for _, drift := range plan.Drift {
		a.warn("see there", "%s", drift)
	}
	if a.isWell(0) {
		a.ok("all %d topics are there, with their retention", len(declared))
	}
}

// checkClickHouse compares the database with what is written to it.
func checkClickHouse(ctx context.Context, a *area, options Options, deps Deps) {
	plan, err := schema.New(schema.Config{}, deps.ClickHouse, deps.Log).Plan(ctx)
	if err != nil {
		a.fail("set CLICKHOUSE_ADDR and its login to a server that answers", "cannot be asked: %v", err)
		return
	}
	version := 0
	for _, applied := range plan.Applied {
		version = max(version, applied.Version)
	}
	if version < options.SchemaVersion {
		a.fail("jobs migrate", "the schema has version %d, %d is needed", version, options.SchemaVersion)
	} else {
		a.ok("the schema has version %d", version)
	}
	for _, t := range options.Tables {
		checkStored(ctx, a, t, deps.ClickHouse)
	}
}

// checkStored compares a table's columns with the mapping's.
func checkStored(ctx context.Context, a *area, t table.Table, stored Querier) {
	kinds := map[string]string{}
	const query = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}"
	err := stored.Query(ctx, query, clickhouse.Parameters{"table": t.Target}, func(rows *block.Reader) error {
		for i := range rows.Rows() {
			var name, kind string
			if err := rows.Scan(i, &name, &kind); err != nil {
				return err
			}
			kinds[name] = kind
		}
		return nil
	})
	if err != nil {
		a.fail("grant the user SELECT on system.columns", "the columns of %s cannot be read: %v", t.Target, err)
		return
	}
	if len(kinds) == 0 {
		a.fail("jobs migrate", "table %s is missing", t.Target)
		return
	}
	since := len(a.findings)
	for _, field := range t.Fields() {
		switch kind, isThere := kinds[field.Target]; {
		case !isThere:
			a.fail("jobs migrate", "%s.%s is missing", t.Target, field.Target)
		case kind != field.Kind:
			a.fail("ALTER TABLE "+t.Target+" MODIFY COLUMN "+field.Target+" "+field.Kind, "%s.%s is %s, the mapping writes %s", t.Target, field.Target, kind, field.Kind)
		}
	}
	if a.isWell(since) {
		a.ok("table %s has the mapped columns", t.Target)
	}
}
