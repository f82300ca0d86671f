package ingest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/debezium"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Each dead record gets its own verdict: what the service would store now or leave
// out passes, and whatever is wrong with another, an unmapped prefix or topic too, is
// that one's.
func TestExamine(t *testing.T) {
	good := createdAt("2026-01-01T00:00:00Z")
	record := func(topic, value string) dlq.Record {
		return dlq.Record{Topic: topic, Key: good.Key, Value: []byte(value)}
	}
	incomplete := like("d", "", time.Now())
	verdicts, err := NewExaminer(table.All(), debezium.Epochs{"nova": 0}).Examine(t.Context(), []dlq.Record{
		record("cdc.likes", string(good.Value)),
		record("cdc.likes", "garbage"),
		record("cdc.likes", string(good.Value)),
		record("cdc.likes", `{"before":null,"after":{},"source":{"name":"old","table":"likes","lsn":800},"op":"c"}`),
		record("elsewhere", string(good.Value)),
		{Topic: "cdc.likes", Key: incomplete.Key, Value: incomplete.Value},
		{Topic: "cdc.likes", Value: good.Value},
	})
	require.NoError(t, err)
	var problems []string
	for _, v := range verdicts {
		assert.False(t, v.IsStored)
		text := ""
		if v.Refused != nil {
			text = v.Refused.Error()
		}
		problems = append(problems, text)
	}
	require.Len(t, problems, 7)
	assert.Empty(t, problems[0])
	assert.Contains(t, problems[1], "malformed")
	assert.Empty(t, problems[2], "nothing is left of the record before")
	assert.Contains(t, problems[3], "old")
	assert.Equal(t, "no table is mapped to topic elsewhere", problems[4])
	assert.Contains(t, problems[6], "no key")
}
