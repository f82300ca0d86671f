package jobs_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
)

// row is a row of job_definitions.
type row struct {
	name, schedule, params string
	disabled               bool
	version                int
}

// define puts rows on the topic as Debezium does.
func (e environment) define(rows ...row) {
	e.Helper()
	records := make([]kafkatest.Record, len(rows))
	for i, r := range rows {
		after := encoded(e.T, map[string]any{
			"name": r.name, "kind": "trending", "schedule": r.schedule, "enabled": !r.disabled, "params": r.params,
			"updated_at": fmt.Sprintf("2026-03-01T10:20:30.%06dZ", r.version),
		})
		records[i] = e.record(r.name, `{"before":null,"after":`+after+
			`,"source":{"name":"nova","lsn":8,"snapshot":"false"},"op":"u","ts_ms":1764000000000}`)
	}
	e.kafka.Produce(records...)
}

// remove deletes a row.
func (e environment) remove(name string) {
	e.Helper()
	e.kafka.Produce(
		e.record(name, `{"before":{"name":"`+name+`","kind":"","schedule":"","enabled":true,"params":"{}"},"after":null,`+
			`"source":{"name":"nova","lsn":16,"snapshot":"false"},"op":"d","ts_ms":1764000000000}`),
		e.record(name, ""))
}

func (e environment) record(name, value string) kafkatest.Record {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name))
	record := kafkatest.Record{Topic: definitions, Partition: int(hash.Sum32() % partitions), Key: []byte(`{"name":"` + name + `"}`)}
	if value != "" {
		record.Value = []byte(value)
	}
	return record
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// shipped are the definitions that most installations begin with.
func shipped() []row {
	return []row{
		{name: "trending-1h", schedule: "@every 2s", params: `{"window": "1h"}`},
		{name: "trending-24h", schedule: "@every 2s", params: `{"window": "24h", "top_k": 50}`},
		{name: "trending-7d", schedule: "@every 2s", params: `{"window": "7d", "decay": "2d"}`},
	}
}

// like stores likes of a post, an age ago.
func (e environment) like(post string, likes int, age time.Duration) {
	e.Helper()
	e.clickhouse.Exec(fmt.Sprintf(`INSERT INTO post_events (event_id, event_type, event_time, user_id, post_id)
		SELECT generateUUIDv4(), 'post_like', now64(3) - toIntervalSecond(%d), generateUUIDv4(), toUUID('%s') FROM numbers(%d)`,
		int(age.Seconds()), post, likes))
}

// value is what Redis has under a window's key, "" if nothing.
func (e environment) value(window string) string {
	e.Helper()
	return e.redis.Do("GET", "nova:cache:trending:"+window)
}

// claims are the ticks that were claimed of a job.
func (e environment) claims(name string) []string {
	e.Helper()
	text := e.redis.Do("KEYS", "nova:job:"+name+":*")
	if text == "" {
		return nil
	}
	keys := strings.Split(text, "\n")
	slices.Sort(keys)
	return keys
}

// awaitCommits waits until all definitions are read.
func (e environment) awaitCommits() {
	e.Helper()
	servicetest.AwaitCommits(e, e.kafka, group, definitions)
}
