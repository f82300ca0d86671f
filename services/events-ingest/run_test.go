package eventsingest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	eventsv1 "github.com/nova-data/nova/proto/nova/events/v1"
	eventsingest "github.com/nova-data/nova/services/events-ingest"
)

// An accepted event is a row with all it said and where it came from, its offset
// is committed, and posting it again, alone or twice in one body, adds no row and
// nothing to the views.
func TestEventIsStoredOnce(t *testing.T) {
	s := startStack(t)
	r := s.run()
	id, now := uuid.New(), time.Now().Truncate(time.Millisecond)
	like := strings.TrimSuffix(event(id, "like", now), "}") + `,"device":"ios","app_ver":"4.12.0","device_id":"pixel-7","session":{"n":1}}`

	r.accept(like)
	s.awaitDone()
	record := s.kafka.Records("events")[0]
	assert.Equal(t, fmt.Sprintf("%s\tpost_like\t%d\t%s\t%s\t\\N\t7\tios\t4.12.0\tpixel-7\t{'session':'{\"n\":1}'}\tevents\t%d\t%d\t%d",
		id, now.UnixMilli(), uuid.NewSHA1(id, []byte("user")), uuid.NewSHA1(id, []byte("post")),
		record.Partition, record.Offset, record.Time.UnixMilli()),
		s.clickhouse.Query(`SELECT event_id, event_type, toUnixTimestamp64Milli(event_time), user_id, post_id, author_id, dwell_ms,
			device, app_ver, device_id, attributes, topic, partition, offset, toUnixTimestamp64Milli(ingested_at) FROM post_events FINAL`))

	r.accept(like)
	r.accept(like, event(uuid.New(), "view", now), like)
	s.awaitDone()
	assert.Equal(t, "2\t1", s.clickhouse.Query("SELECT count(), countIf(event_type = 'post_like') FROM post_events"))
	for _, view := range []string{"post_engagement_hourly", "post_engagement_minutely"} {
		assert.Equal(t, "1\t1\t0\t0\t14\t2.1", s.clickhouse.Query(
			"SELECT sum(views), sum(likes), sum(comments), sum(shares), sum(dwell), sum(score) FROM "+view), view)
	}
	_, metrics := r.get("/metrics")
	assert.Contains(t, metrics, "\nevent_deduplication_hits 3\n")
	assert.Contains(t, metrics, "\nevents_accepted_total 5\n")
	assert.Contains(t, metrics, "\nevent_freshness_seconds_count 2\n")
	assert.Contains(t, metrics, "\nevent_processing_duration_seconds_count")
}

// The form of a body makes no difference: protobuf and JSON of one event are one
// row.
func TestProtobufBody(t *testing.T) {
	s := startStack(t)
	r := s.run()
	id, now := uuid.New(), time.Now()
	user, post := uuid.NewSHA1(id, []byte("user")), uuid.NewSHA1(id, []byte("post"))
	encoded, err := proto.Marshal(&eventsv1.EventBatch{Events: []*eventsv1.Event{{
		EventId: id[:], TsMs: now.UnixMilli(), UserId: user[:], PostId: post[:], Action: eventsv1.Action_ACTION_SHARE, DwellMs: 7,
	}}})
	require.NoError(t, err)
	status, answer := r.post("application/x-protobuf", encoded)
	require.Equal(t, http.StatusAccepted, status, answer)
	r.accept(event(id, "share", now))
	s.awaitDone()
	assert.Equal(t, id.String()+"\tpost_share", s.clickhouse.Query("SELECT event_id, event_type FROM post_events"))
	_, metrics := r.get("/metrics")
	assert.Contains(t, metrics, "\nevent_deduplication_conflicts_total 0\n")
}

// A service that ends between its claims and its insert loses nothing: the next
// one finds its own coordinates in the claims. With a plain SET NX the claims
// would look like another's and the events would be dropped.
func TestEndBetweenClaimAndInsert(t *testing.T) {
	s := startStack(t)
	t.Setenv("START_OFFSETS", "earliest") // auto would ask ClickHouse first
	r := s.runConsuming()
	s.clickhouse.Kill()
	id, now := uuid.New(), time.Now()
	r.accept(event(id, "view", now), event(uuid.New(), "view", now), event(id, "view", now))
	servicetest.Await(t, "both events are claimed", func() bool { return s.redis.Do("DBSIZE") == "2" })
	r.stop()
	for _, offset := range s.kafka.Committed(group, "events") {
		assert.Zero(t, offset, "nothing passes before it is stored")
	}

	s.clickhouse.Restart()
	s.run()
	s.awaitDone()
	assert.Equal(t, "2\t2", s.clickhouse.Query("SELECT count(), uniqExact(event_id) FROM post_events"))
	assert.Equal(t, "2", s.clickhouse.Query("SELECT sum(views) FROM post_engagement_hourly"))
}

// ClickHouse and Redis are killed while events come in: every event of a 202 is
// stored, none becomes a dead letter.
func TestKilledDependencies(t *testing.T) {
	s := startStack(t)
	r := s.run()
	accepted := 0
	post := func(n int) {
		for range n {
			r.accept(event(uuid.New(), "view", time.Now()))
			accepted++
		}
	}
	post(20)
	for range 2 {
		s.clickhouse.Kill()
		post(10)
		s.redis.Kill()
		post(10)
		s.clickhouse.Restart()
		post(10)
		s.redis.Restart()
		post(10)
		s.awaitDone()
	}
	assert.Equal(t, strconv.Itoa(accepted), s.clickhouse.Query("SELECT count() FROM post_events FINAL"))
	assert.Empty(t, s.kafka.Records("events-dlq"))
}

// An insert of which the answer is lost is repeated, and is one row in the table and
// one in the sums of its views.
func TestLostAnswerOfAnInsert(t *testing.T) {
	s := startStack(t)
	r := s.run()
	s.clickhouse.Fault(chtest.Fault{Action: "cut", When: "after", Table: "post_events"})
	r.accept(event(uuid.New(), "view", time.Now()))
	s.awaitDone()
	assert.Equal(t, "1", s.clickhouse.Query("SELECT count() FROM post_events"), "without FINAL")
	assert.Equal(t, "1", s.clickhouse.Query("SELECT sum(views) FROM post_engagement_hourly"))
	_, metrics := r.get("/metrics")
	assert.Contains(t, metrics, `event_processing_errors_total{step="insert",topic="events"} 1`)
}

// A record that can never be stored becomes a letter with its bytes, once, and
// those around it are stored: also one without headers by an older producer.
func TestPoisonBecomesALetter(t *testing.T) {
	s := startStack(t)
	legacy := event(uuid.New(), "post_view", time.Now().AddDate(0, 0, -3))
	header := func(value string) []kafkatest.Header {
		return []kafkatest.Header{{Key: "content-type", Value: []byte(value)}}
	}
	t.Setenv("START_OFFSETS", "earliest") // auto would ask ClickHouse first
	r := s.runConsuming()
	s.clickhouse.Kill() // the records come again and again, their letters do not
	s.kafka.Produce(
		kafkatest.Record{Topic: "events", Value: []byte(legacy)},
		kafkatest.Record{Topic: "events", Key: []byte("k"), Value: []byte("\xff\x00garbage")},
		kafkatest.Record{Topic: "events", Value: []byte(`{"ts":"soon"}`)},
		kafkatest.Record{Topic: "events", Value: []byte(legacy), Headers: header("text/csv")},
		kafkatest.Record{Topic: "events", Value: []byte("\x08"), Headers: header("application/x-protobuf")},
		kafkatest.Record{Topic: "events", Value: nil},
		kafkatest.Record{Topic: "events", Value: []byte(event(uuid.New(), "share", time.Now())), Headers: header("application/json")},
	)
	servicetest.Await(t, "letters are written before the insert", func() bool { return len(s.kafka.Records("events-dlq")) == 5 })
	s.clickhouse.Restart()
	s.awaitDone()
	assert.Equal(t, "post_share\npost_view", s.clickhouse.Query("SELECT event_type FROM post_events FINAL ORDER BY event_type"))

	records := s.kafka.Records("events")
	letters := s.kafka.Records("events-dlq")
	assert.Len(t, letters, 5)
	classes := map[string]int{}
	for _, record := range letters {
		letter, err := dlq.Decode(record.Value)
		require.NoError(t, err)
		original, err := letter.Original()
		require.NoError(t, err)
		at := slices.IndexFunc(records, func(r kafkatest.Record) bool {
			return r.Partition == letter.Partition && r.Offset == letter.Offset
		})
		assert.Equal(t, records[at].Value, original)
		classes[letter.ErrorClass]++
	}
	assert.Equal(t, map[string]int{"syntax": 2, "invalid": 1, "content_type": 1, "empty": 1}, classes)
	_, metrics := r.get("/metrics")
	assert.Contains(t, metrics, `dead_letters_total{reason="syntax",topic="events"} 2`)
}

// A record as large as Kafka takes, which no client of ours sent, fits in a letter.
func TestLargestPoisonFitsInALetter(t *testing.T) {
	s := startStack(t)
	poison := bytes.Repeat([]byte{0xff}, 990_000)
	s.kafka.Produce(kafkatest.Record{Topic: "events", Value: poison})
	s.run()
	s.awaitDone()
	letters := s.kafka.Records("events-dlq")
	require.Len(t, letters, 1)
	letter, err := dlq.Decode(letters[0].Value)
	require.NoError(t, err)
	original, err := letter.Original()
	require.NoError(t, err)
	assert.True(t, bytes.Equal(poison, original))
}

// Before ClickHouse has its schema events are accepted, /readyz is 200 and says
// what is missing; they are stored once it is there.
func TestAcceptsBeforeTheSchemaIsThere(t *testing.T) {
	s := startStack(t)
	s.clickhouse.Exec("DROP TABLE schema_migrations SYNC")
	r := s.run()
	r.accept(event(uuid.New(), "view", time.Now()))
	status, report := r.get("/readyz")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, report, "waiting for the ClickHouse schema")
	assert.Zero(t, s.kafka.Members(group))
	servicetest.Migrate(t, s.clickhouse.Addr)
	s.awaitDone()
	assert.Equal(t, "1", s.clickhouse.Query("SELECT count() FROM post_events"))
}

// While Kafka is away the answer is 503 with Retry-After, and repeating the same
// body until its 202 stores the event once.
func TestKafkaAway(t *testing.T) {
	s := startStack(t)
	r := s.run()
	s.kafka.Stop()
	same := event(uuid.New(), "view", time.Now())
	status, answer := r.post("application/json", body(same))
	assert.Equal(t, http.StatusServiceUnavailable, status, answer)
	s.kafka.Restart()
	servicetest.Await(t, "accepted", func() bool {
		status, _ = r.post("application/json", body(same))
		return status == http.StatusAccepted
	})
	s.awaitDone()
	assert.Equal(t, "1", s.clickhouse.Query("SELECT count() FROM post_events"))
}

// A stopped service has committed what it stored, and the next one goes on there.
func TestRestartGoesOn(t *testing.T) {
	s := startStack(t)
	for range 3 {
		r := s.run()
		r.accept(event(uuid.New(), "view", time.Now()))
		r.stop()
	}
	s.run()
	s.awaitDone()
	assert.Equal(t, "3", s.clickhouse.Query("SELECT count() FROM post_events"))
}

// A port in use ends the service with the variable's name.
func TestPortInUse(t *testing.T) {
	r := startStack(t).run()
	t.Setenv("HTTP_ADDR", strings.TrimPrefix(r.url, "http://"))
	require.ErrorContains(t, eventsingest.Run(t.Context(), load(t), io.Discard), "HTTP_ADDR")
}
