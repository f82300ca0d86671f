package doctor_test

import (
	"net/http"
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
		{map[string]string{"plugin.name": ""}, doctor.Fail, "plugin.name is decoderbufs: publications and column lists are pgoutput's: plugin.name=pgoutput\n"},
		{map[string]string{"connector.class": "io.debezium.connector.mysql.MySqlConnector"}, doctor.Fail, "connector.class is"},
		{map[string]string{"snapshot.mode": "no_data"}, doctor.Warn, "snapshot.mode is no_data"},
		{map[string]string{"skipped.operations": ""}, doctor.Fail, "skipped.operations is t: a TRUNCATE is not repeated: skipped.operations=none\n"},
		{map[string]string{"tombstones.on.delete": "false"}, doctor.Warn, "tombstones.on.delete=true"},
		{map[string]string{"decimal.handling.mode": ""}, doctor.Warn, "decimal.handling.mode is precise"},
		{map[string]string{"time.precision.mode": "connect"}, doctor.Fail, "time.precision.mode=adaptive"},
		{map[string]string{"publication.autocreate.mode": "filtered"}, doctor.Warn, "publication.autocreate.mode is filtered"},
		{map[string]string{"column.exclude.list": "public.users.email"}, doctor.Fail, "snapshots, which read the tables themselves: public.users.password_hash: column.exclude.list=public.users.password_hash\n"},
		{map[string]string{"column.exclude.list": `public\.users\.(email|password_hash),public.likes.user_id`}, doctor.Fail, "the connector leaves out column public.likes.user_id"},
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
	p.with(map[string]string{"column.exclude.list": `public\.users\.(email|password_hash)`})
	assert.Empty(t, p.ill(), "a pattern is as good")
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
	assert.Contains(t, texts(p.ill()), "Kafka Connect cannot be asked: /connectors/nova/config answered 500")
}
