package eventsingest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/nova-data/nova/pkg/kafkatest"
	eventsv1 "github.com/nova-data/nova/proto/nova/events/v1"
)

// Records of every schema are stored side by side with what is known of them: those
// of today, of an older producer without headers, and of schemas that do not exist
// yet, whose actions clients may not send. None becomes a letter.
func TestRecordsOfEverySchemaAreStored(t *testing.T) {
	s := startStack(t)
	record := func(schema string, change func(*eventsv1.Event), unknown []byte) kafkatest.Record {
		id := uuid.New()
		m := &eventsv1.Event{
			EventId: id[:], TsMs: time.Now().UnixMilli(), UserId: id[:], PostId: id[:], Action: eventsv1.Action_ACTION_LIKE, Device: "ios",
		}
		change(m)
		value, err := proto.Marshal(m)
		require.NoError(t, err)
		return kafkatest.Record{Topic: "events", Value: append(value, unknown...), Headers: []kafkatest.Header{
			{Key: "content-type", Value: []byte("application/x-protobuf")}, {Key: "nova-schema", Value: []byte(schema)},
		}}
	}
	future := protowire.AppendString(protowire.AppendTag(nil, 99, protowire.BytesType), "new")
	s.kafka.Produce(
		kafkatest.Record{Topic: "events", Value: []byte(event(uuid.New(), "post_view", time.Now()))},
		kafkatest.Record{Topic: "events", Value: []byte(strings.Replace(event(uuid.New(), "view", time.Now()), "{", `{"device_id":7,`, 1))},
		record("nova.events.v1.Event", func(*eventsv1.Event) {}, nil),
		record("nova.events.v1.Event", func(m *eventsv1.Event) { m.DeviceId = "pixel-7" }, nil),
		record("nova.events.v3.Event", func(m *eventsv1.Event) { m.Action, m.DeviceId = 9, "pixel-9" }, future),
	)
	r := s.run()
	s.awaitDone()
	assert.Equal(t, strings.Join([]string{
		"post_action_9\tios\tpixel-9\t{'field_99':'new'}",
		"post_like\tios\t\t{}",
		"post_like\tios\tpixel-7\t{}",
		"post_view\t\t\t{}",
		"post_view\t\t\t{'device_id':'7'}",
	}, "\n"), s.clickhouse.Query("SELECT event_type, device, device_id, attributes FROM post_events FINAL ORDER BY ALL"))
	assert.Equal(t, "2\t2", s.clickhouse.Query("SELECT sum(views), sum(likes) FROM post_engagement_hourly"))
	assert.Empty(t, s.kafka.Records("events-dlq"))

	encoded, err := proto.Marshal(&eventsv1.EventBatch{Events: []*eventsv1.Event{{Action: 9}}})
	require.NoError(t, err)
	status, answer := r.post("application/x-protobuf", encoded)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, answer, "must be view, impression, like, comment or share")
}
