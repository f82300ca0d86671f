package doctor_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/services/cdc-ingest/internal/doctor"
)

// Each setting of the connector that loses, cuts or misroutes changes is named with
// the setting that does not.
func TestConnector(t *testing.T) {
	p := newPatient(t)
	for _, wrong := range []struct {
		change map[string]string
		level  doctor.Level
		want   string
	}{
		{map[string]string{"plugin.name": ""}, doctor.Fail, "plugin.name is decoderbufs: publications are pgoutput's: plugin.name=pgoutput\n"},
		{map[string]string{"connector.class": "io.debezium.connector.mysql.MySqlConnector"}, doctor.Fail, "connector.class is"},
		{map[string]string{"snapshot.mode": "no_data"}, doctor.Warn, "snapshot.mode is no_data"},
		{map[string]string{"skipped.operations": ""}, doctor.Fail, "skipped.operations is t: a TRUNCATE is not repeated: skipped.operations=none\n"},
		{map[string]string{"tombstones.on.delete": "false"}, doctor.Warn, "tombstones.on.delete=true"},
		{map[string]string{"decimal.handling.mode": ""}, doctor.Warn, "decimal.handling.mode is precise"},
		{map[string]string{"time.precision.mode": "connect"}, doctor.Fail, "time.precision.mode=adaptive"},
		{map[string]string{"publication.autocreate.mode": "filtered"}, doctor.Warn, "publication.autocreate.mode is filtered"},
		{map[string]string{"heartbeat.interval.ms": ""}, doctor.Warn, "heartbeat.interval.ms=5000"},
		{map[string]string{"heartbeat.action.query": ""}, doctor.Warn, "heartbeat.action.query=SELECT"},
		{map[string]string{"signal.data.collection": ""}, doctor.Warn, "signal.data.collection=public.debezium_signal"},
		{map[string]string{"signal.enabled.channels": "kafka"}, doctor.Warn, "signal.enabled.channels is kafka"},
		{map[string]string{"value.converter": "io.confluent.connect.avro.AvroConverter"}, doctor.Fail, "records are not JSON"},
		{map[string]string{"value.converter.schemas.enable": ""}, doctor.Warn, "value.converter.schemas.enable=false"},
		{map[string]string{"table.include.list": `public\.(users|posts|comments|follows)`}, doctor.Fail, "the connector leaves out table public.likes"},
		{map[string]string{"transforms": "route,flat", "transforms.flat.type": "io.debezium.transforms.ExtractNewRecordState"}, doctor.Fail, "flattens records"},
		{map[string]string{"topic.prefix": "nova2"}, doctor.Fail, "topic prefix nova2 has no epoch: its records pause their topics: CDC_EPOCHS=nova:0,nova2:1, if it is the newest source\n"},
	} {
		p.with(wrong.change)
		ill := p.ill()
		if assert.Len(t, ill, 1, wrong.change) {
			assert.Equal(t, wrong.level, ill[0].Level, wrong.change)
			assert.Contains(t, texts(ill), wrong.want)
		}
	}
	p.with(map[string]string{"transforms": ""})
	assert.Contains(t, texts(p.ill()), "changes of likes go to topic nova.public.likes, not cdc.likes")
	p.with(map[string]string{"publication.name": "theirs", "slot.name": "theirs"})
	assert.Contains(t, texts(p.ill()), "publication theirs is missing")
	assert.Contains(t, texts(p.ill()), "replication slot theirs is missing")
}

// columns sets the connector's lists of columns.
func columns(include, exclude string) map[string]string {
	return map[string]string{"column.include.list": include, "column.exclude.list": exclude}
}

// Private columns are left out by naming those that may pass, with a list that the
// doctor writes as it is shipped: a column that comes later does not pass. What is
// mapped does, and what a signal consists of.
func TestColumns(t *testing.T) {
	p := newPatient(t)
	list := p.config["column.include.list"]
	const others = `public[.](posts|comments|likes|follows|job_definitions|debezium_signal)[.].*`
	for _, wrong := range []struct {
		change map[string]string
		level  doctor.Level
		text   string
		fix    string
	}{
		{columns("", ""), doctor.Fail, "private columns reach Kafka: public.users.email, public.users.password_hash", ""},
		{columns("", "public.users.email"), doctor.Fail, "private columns reach Kafka: public.users.password_hash", ""},
		{columns("public[.].*", ""), doctor.Fail, "private columns reach Kafka: public.users.email, public.users.password_hash", ""},
		{columns("PUBLIC[.]Users[.](?:[^p].*),"+others, ""), doctor.Fail, "private columns reach Kafka: public.users.email", ""},
		{columns("", "public.users.email,public.users.password_hash"), doctor.Warn, "private columns are left out one by one: a column that is added to users reaches Kafka", ""},
		{columns("", `PUBLIC\.users\.(email|password_hash)`), doctor.Warn, "private columns are left out one by one: a column that is added to users reaches Kafka", ""},
		{columns("public[.]users[.][^ep].*,"+others, ""), doctor.Warn, "private columns are left out one by one: a column that is added to users reaches Kafka", ""},
		{columns(list, "public.users.email"), doctor.Fail, "column.include.list and column.exclude.list are both set: the connector does not start", ""},
		{columns("public[.]users[.](?!email|password_hash).*,"+others, ""), doctor.Warn, "public[.]users[.](?!email|password_hash).* is a pattern of Java's alone: which columns the connector reads is not checked", ""},
		{columns(strings.Replace(list, "|bio", "", 1), ""), doctor.Fail, "the connector leaves out column public.users.bio", "add public.users.bio to column.include.list"},
		{columns(strings.Replace(list, "|bio", "|bi", 1), ""), doctor.Fail, "the connector leaves out column public.users.bio", "add public.users.bio to column.include.list"},
	} {
		p.with(wrong.change)
		fix := cmp.Or(wrong.fix, "column.include.list="+list+", without column.exclude.list")
		assert.Equal(t, []doctor.Finding{{Level: wrong.level, Area: "connector", Text: wrong.text, Fix: fix}}, p.ill(), wrong.change)
	}
	p.with(columns("", "public.users.(email|password_hash),public.likes.user_id"))
	assert.Contains(t, texts(p.ill()), "fail  connector   the connector leaves out column public.likes.user_id: take public.likes.user_id out of column.exclude.list\n")
	p.with(columns(strings.Replace(list, "|debezium_signal", "", 1), ""))
	assert.Contains(t, texts(p.ill()), "warn  connector   the connector leaves out column public.debezium_signal.type: no signal is understood, and no gap can be filled by an incremental snapshot: "+
		"add public.debezium_signal.type to column.include.list\n")
	p.with(columns(strings.ToUpper(list), ""))
	assert.Empty(t, p.ill(), "case does not count")
}

// The list that is written lets through other tables that are captured, by whatever
// pattern, and no other column of one with private columns.
func TestColumnsOfOtherTables(t *testing.T) {
	p := newPatient(t)
	p.with(map[string]string{
		"column.include.list": "", "table.include.list": `public\.(users|posts),public.jobs.*,billing.invoices,public.comments,public.likes,public.follows`,
	})
	assert.Contains(t, texts(p.ill()), "column.include.list=public[.]users[.](id|username|display_name|bio|avatar_key|is_verified|created_at|updated_at),"+
		"(?:public.jobs.*)[.].*,(?:billing.invoices)[.].*,public[.](comments|likes|follows|posts|debezium_signal)[.].*, without column.exclude.list\n")
}

// A connector or task that does not run is named with the cause in its stack trace,
// and so is a Kafka Connect that does not know it or does not answer.
func TestConnectorState(t *testing.T) {
	p := newPatient(t)
	for status, want := range map[string]string{
		`{"connector":{"state":"PAUSED"},"tasks":[{"state":"RUNNING"}]}`: "connector nova is PAUSED: repair",
		`{"connector":{"state":"RUNNING"},"tasks":[]}`:                   "connector nova has no task",
		`{"connector":{"state":"RUNNING"},"tasks":[{"state":"FAILED","trace":"org.Wrapped: outer\n\tat x\nCaused by: org.Slot: slot is gone\n\tat y"}]}`: "task 0 of connector nova is FAILED (org.Slot: slot is gone): " +
			"repair the cause, then POST /connectors/nova/restart?includeTasks=true&onlyFailed=true\n",
		`{`: "the state of connector nova cannot be read",
	} {
		p.status = status
		ill := p.ill()
		require.Len(t, ill, 1, status)
		assert.Contains(t, texts(ill), want)
	}
	p.code = http.StatusNotFound
	assert.Contains(t, texts(p.ill()), "there is no connector nova: create it from tilt/debezium/nova.json")
	p.code = http.StatusInternalServerError
	assert.Contains(t, texts(p.ill()), "the connector cannot be looked at: asking Kafka Connect: /connectors/nova/config answered 500")
}
