package doctor_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/pgtest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/doctor"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// What is shipped is in good health: PostgreSQL's files, the connector's
// configuration, the topics and the schema.
func TestShippedIsHealthy(t *testing.T) {
	p := newPatient(t)
	report := p.examine()
	assert.Empty(t, p.ill())
	assert.Zero(t, report.Failures())
	var text bytes.Buffer
	require.NoError(t, report.WriteText(&text))
	for _, line := range []string{
		"ok    postgresql  wal_level is logical\n",
		"ok    postgresql  table follows has the mapped columns and a fitting replica identity\n",
		"ok    postgresql  publication nova has every mapped table, whole\n",
		"ok    postgresql  slot nova is read, 0 MB of WAL are kept for it\n",
		"ok    connector   nova is configured as it should be\n",
		"ok    connector   nova runs\n",
		"ok    kafka       all 6 topics are there, with their retention\n",
		"ok    clickhouse  table user_relationships has the mapped columns\n",
	} {
		assert.Contains(t, text.String(), line)
	}
}

// A publication of all tables, and a server without logical decoding, are named.
func TestServer(t *testing.T) {
	server := pgtest.StartNova(t)
	server.Exec("DROP PUBLICATION nova")
	server.Exec("CREATE PUBLICATION nova FOR ALL TABLES")
	server.Kill()
	server.Restart("--wal_level=replica")
	p := &patient{T: t, postgres: server, pool: nil}
	p.stored = chtest.Start(t)
	p.pool = servicetest.Migrate(t, p.stored.Addr)
	p.kafka = openKafka(t, kafkatest.Start(t).Brokers)
	ill := p.ill()
	assert.Contains(t, ill, doctor.Finding{Level: doctor.Fail, Area: "postgresql", Text: "wal_level is replica", Fix: "ALTER SYSTEM SET wal_level = 'logical'; then restart PostgreSQL"})
	assert.Contains(t, texts(ill), "warn  postgresql  publication nova is FOR ALL TABLES: PostgreSQL refuses updates and deletes of tables without a primary key: "+
		`stop the connector, BEGIN; DROP PUBLICATION "nova"; CREATE PUBLICATION "nova" FOR TABLE "users", "posts", "comments", "likes", "follows"; COMMIT`)
	assert.Contains(t, ill, doctor.Finding{Level: doctor.Warn, Area: "connector", Text: "the connector is not checked, nor whether it leaves out private columns", Fix: "set CONNECT_URL"})
	assert.Contains(t, ill, doctor.Finding{Level: doctor.Fail, Area: "kafka", Text: "topic cdc-dlq is missing", Fix: "jobs migrate"})
	assert.Contains(t, texts(ill), "replication slot nova is missing")
	assert.Contains(t, texts(ill), "max_slot_wal_keep_size")
}

func texts(found []doctor.Finding) string {
	var text bytes.Buffer
	_ = doctor.Report{Findings: found}.WriteText(&text)
	return text.String()
}

// A slot that nobody reads, one that is too far behind, one that has lost its WAL,
// and one of another plugin are told apart.
func TestSlot(t *testing.T) {
	p := newPatient(t)
	p.unread()
	servicetest.Await(t, "the slot to be inactive", func() bool { return len(p.ill()) > 0 })
	assert.Contains(t, texts(p.ill()), "fail  postgresql  nobody reads slot nova; 0 MB of WAL are kept for it: start the connector\n")
	write := func() {
		p.execute("SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000)), pg_switch_wal()")
		p.execute("CHECKPOINT")
	}
	limit := func(size string) {
		p.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '" + size + "'")
		p.execute("SELECT pg_reload_conf()")
		servicetest.Await(t, "the setting", func() bool {
			var is bool
			require.NoError(t, p.postgres.Connect().QueryRow(t.Context(), "SELECT current_setting('max_slot_wal_keep_size') = $1", size).Scan(&is))
			return is
		})
	}
	limit("64MB")
	for range 3 {
		write()
	}
	assert.Contains(t, texts(p.ill()), "more than half of max_slot_wal_keep_size (64 MB)")
	limit("1MB")
	servicetest.Await(t, "the slot to be lost", func() bool {
		write()
		return bytes.Contains([]byte(texts(p.ill())), []byte("slot nova is lost: WAL that it needs is gone"))
	})
	p.execute("SELECT pg_drop_replication_slot('nova')")
	p.execute("SELECT pg_create_logical_replication_slot('nova', 'test_decoding')")
	assert.Contains(t, texts(p.ill()), `slot nova has the plugin "test_decoding"`)
}

// Servers that are away are one failure each, and keep nobody from checking the
// others.
func TestServersAway(t *testing.T) {
	p := newPatient(t)
	p.stored.Exec("ALTER TABLE likes MODIFY COLUMN user_id String")
	p.stored.Exec("ALTER TABLE posts DROP COLUMN caption")
	ill := p.ill()
	assert.Contains(t, ill, doctor.Finding{Level: doctor.Fail, Area: "clickhouse", Text: "likes.user_id is String, the mapping writes UUID", Fix: "ALTER TABLE likes MODIFY COLUMN user_id UUID"})
	assert.Contains(t, ill, doctor.Finding{Level: doctor.Fail, Area: "clickhouse", Text: "posts.caption is missing", Fix: "jobs migrate"})

	p.unread()
	p.postgres.Kill()
	p.stored.Kill()
	p.kafka, p.url = openKafka(t, []string{"127.0.0.1:1"}), "http://127.0.0.1:1"
	ill = p.ill()
	for _, want := range []string{
		"fail  postgresql  cannot connect: ", "fail  connector   the connector cannot be looked at: ",
		"fail  kafka       Kafka at 127.0.0.1:1 cannot be asked: ", "fail  clickhouse  cannot be asked: ",
	} {
		assert.Contains(t, texts(ill), want)
	}
}

// A table that was truncated in the newest epoch cannot be filled; one that an
// older epoch truncated can, and one whose epoch was finished.
func TestCanFill(t *testing.T) {
	server := chtest.Start(t)
	can := doctor.CanFill(servicetest.Migrate(t, server.Addr), table.All(), debezium.Epochs{"nova": 0, "nova2": 1})
	server.Exec("INSERT INTO cdc_truncates (table_name, version) VALUES ('posts', 2000), ('comments', bitShiftLeft(1::UInt64, 56)), " +
		"('user_relationships', bitShiftLeft(1::UInt64, 56) + 2001)")
	for name, want := range map[string]string{
		"likes": "", "posts": "", "comments": "", "jobs": "no table jobs is mapped",
		"follows": "follows was truncated in epoch 1, and what an incremental snapshot brings ranks below that: repair it under a new topic prefix with the next epoch",
	} {
		ok, reason, err := can(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, want == "", ok, name)
		assert.Equal(t, want, reason)
	}
	server.Kill()
	_, _, err := can(t.Context(), "likes")
	require.ErrorContains(t, err, "reading the truncates of likes: ")
}
