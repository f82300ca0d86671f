package eventsingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/dlq"
	pkgevent "github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	eventsingest "github.com/nova-data/nova/services/events-ingest"
)

// redriven is a part of what "dlq redrive --json" says.
type redriven struct {
	Letters  int `json:"letters"`
	Redriven int `json:"redriven"`
	Stored   int `json:"already_stored"`
	Repeated int `json:"repeated"`
	Refused  map[string]struct {
		Count int `json:"count"`
	} `json:"refused"`
}

// redrive runs the command with the service's environment, and with a letter among
// them that stays one.
func redrive(t *testing.T) (r redriven) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, eventsingest.Main([]string{"dlq", "redrive", "--json"}, &stdout, &stderr), stderr.String())
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &r), stdout.String())
	return r
}

// refuse leaves what a service whose decoder was at fault leaves: records that the
// group has passed, and their letters.
func (s *stack) refuse(records ...kafkatest.Record) {
	s.t.Helper()
	s.kafka.Produce(records...)
	for offset, record := range records {
		s.letter(int64(offset), record)
	}
	s.kafka.Commit(group, "events", map[int]int64{0: int64(len(records))}, "")
}

// letter writes the letter of a record of partition 0.
func (s *stack) letter(offset int64, record kafkatest.Record) {
	s.t.Helper()
	dead := dlq.Record{Topic: "events", Offset: offset, Value: record.Value}
	for _, h := range record.Headers {
		dead.Headers = append(dead.Headers, dlq.RecordHeader(h))
	}
	letter, err := dlq.NewLetter(
		dead,
		dlq.Failure{Err: errors.New("a bug"), Class: "syntax", At: time.Now(), Retries: 3},
	).Encode()
	require.NoError(s.t, err)
	s.kafka.Produce(kafkatest.Record{Topic: "events-dlq", Value: letter})
}

// protobufRecord is a record as the API writes it.
func protobufRecord(at time.Time) kafkatest.Record {
	e := pkgevent.Event{ID: uuid.New(), TimeMS: at.UnixMilli(), UserID: uuid.New(), PostID: uuid.New(), Action: pkgevent.View}
	return kafkatest.Record{Topic: "events", Value: e.AppendProtobuf(nil), Headers: []kafkatest.Header{
		{Key: pkgevent.HeaderContentType, Value: []byte(pkgevent.ContentTypeProtobuf)},
	}}
}

// requireOnce holds the table, without FINAL, and the sums of a view against the
// number of events accepted.
func (s *stack) requireOnce(events int) {
	s.t.Helper()
	n := strconv.Itoa(events)
	require.Equal(s.t, n+"\t"+n, s.clickhouse.Query("SELECT count(), uniqExact(event_id) FROM post_events"))
	require.Equal(s.t, n, s.clickhouse.Query("SELECT sum(views) FROM post_engagement_hourly"))
}

// Whatever made letters of them, events are stored once when they are redriven, in
// the table and in the sums of its views: also when they are redriven again before
// the first copies are stored, again when they are, and again when no claim is left;
// and when a client has sent one again that a service could read by then.
func TestRedrive(t *testing.T) {
	const seconds = "3s"
	for name, value := range map[string]string{
		"DEDUP_TTL": seconds, "PLAN_MAX_AGE": "2s", "HTTP_MAX_EVENT_AGE": "2s", "HTTP_MAX_EVENT_AHEAD": "900ms",
	} {
		t.Setenv(name, value)
	}
	s := startStack(t)
	s.clickhouse.Exec("ALTER TABLE post_events ADD CONSTRAINT planted CHECK app_ver != 'refused'")
	at := time.Now()
	var dead []kafkatest.Record
	for i := range 3 { // far apart in time
		dead = append(dead, kafkatest.Record{Topic: "events", Value: []byte(event(uuid.New(), "view", at.AddDate(0, -i, 0)))})
	}
	dead = append(dead, protobufRecord(at))
	s.refuse(append(dead, kafkatest.Record{Topic: "events", Value: []byte("still no event")})...)
	s.letter(0, dead[0]) // it was written twice

	// One of them comes again from its client; ClickHouse refuses others.
	again := dead[3]
	again.Partition = 1
	s.kafka.Produce(again)
	for i := range 3 {
		rejected := []byte(event(uuid.New(), "view", at))
		rejected = append(rejected[:len(rejected)-1], `,"app_ver":"refused"}`...)
		s.kafka.Produce(kafkatest.Record{Topic: "events", Partition: 2, Value: rejected})
		if i == 0 { // a client's copy of it is a copy of what is dead
			s.kafka.Produce(kafkatest.Record{Topic: "events", Partition: 1, Value: rejected})
		}
	}
	r := s.runConsuming()
	s.awaitDone()
	s.requireOnce(1)
	require.Len(t, s.kafka.Records("events-dlq"), 9)
	r.stop()
	s.clickhouse.Exec("ALTER TABLE post_events DROP CONSTRAINT planted")

	first := redrive(t)
	assert.Equal(t, 6, first.Redriven)
	assert.Equal(t, []int{9, 1, 1, 1}, []int{first.Letters, first.Stored, first.Repeated, first.Refused["syntax"].Count})
	assert.Equal(t, 6, redrive(t).Redriven, "nothing is stored yet, so claims must decide")
	s.run()
	s.awaitDone()
	s.requireOnce(7)

	assert.Equal(t, 7, redrive(t).Stored)
	servicetest.Await(t, "every claim is gone", func() bool { return s.redis.Do("DBSIZE") == "0" })
	last := redrive(t)
	assert.Equal(t, []int{0, 7}, []int{last.Redriven, last.Stored})
	s.awaitDone()
	s.requireOnce(7)
	require.Len(t, s.kafka.Records("events-dlq"), 9, "no redriven record died again")
}
