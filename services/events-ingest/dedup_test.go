package eventsingest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
)

// A copy of an event, however it comes about, is dropped while its claim stands, and
// counted.
func TestCopiesAreDropped(t *testing.T) {
	s := startStack(t)
	r := s.runConsuming()
	at := time.Now()
	record := func(partition int) kafkatest.Record {
		return kafkatest.Record{Topic: "events", Partition: partition, Value: []byte(event(uuid.NameSpaceDNS, "view", at))}
	}
	s.kafka.Produce(record(0), record(0)) // a producer's retry, in one batch
	s.awaitDone()
	s.requireOnce(1)
	s.kafka.Produce(record(0), record(1), record(2)) // later, and on other partitions
	s.awaitDone()
	s.requireOnce(1)

	body := event(uuid.NameSpaceURL, "view", at)
	for range 3 { // a client's retry
		r.accept(body)
	}
	r.accept(body, body)
	s.awaitDone()
	s.requireOnce(2)
	_, metrics := r.get("/metrics")
	assert.Contains(t, metrics, "\nevent_deduplication_hits 8\n")
	assert.Contains(t, metrics, "\nevent_deduplication_conflicts_total 0\n")
}

// A batch that is stored again under its plan has the same rows as the first time:
// of its copies the same ones are kept.
func TestReplayKeepsTheSameCopies(t *testing.T) {
	s := startStack(t)
	t.Setenv("START_OFFSETS", "earliest") // auto would ask ClickHouse first
	r := s.runConsuming()
	s.clickhouse.Kill()
	at := time.Now()
	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	for range 2 {
		for partition := range 3 {
			var batch []kafkatest.Record
			for _, id := range ids {
				batch = append(batch, kafkatest.Record{Topic: "events", Partition: partition, Value: []byte(event(id, "view", at))})
			}
			s.kafka.Produce(batch...)
		}
	}
	servicetest.Await(t, "a plan is committed", func() bool {
		for _, metadata := range s.kafka.Metadata(group, "events") {
			if strings.HasPrefix(metadata, "v1;") {
				return true
			}
		}
		return false
	})
	r.stop()
	s.clickhouse.Restart()
	r = s.run()
	s.awaitDone()
	s.requireOnce(3)
	_, metrics := r.get("/metrics")
	assert.Contains(t, metrics, "\nconsumer_plan_replays_total")
}

// A copy that comes when no claim is left is a row more, until merges or FINAL make
// one of them; views count it. This is what DEDUP_TTL means.
func TestCopyAfterItsClaim(t *testing.T) {
	for name, value := range map[string]string{
		"DEDUP_TTL": "2s", "PLAN_MAX_AGE": "1s", "HTTP_MAX_EVENT_AGE": "1s", "HTTP_MAX_EVENT_AHEAD": "900ms",
	} {
		t.Setenv(name, value)
	}
	s := startStack(t)
	s.run()
	old := kafkatest.Record{Topic: "events", Value: []byte(event(uuid.New(), "view", time.Now().AddDate(0, 0, -3)))}
	s.kafka.Produce(old)
	s.awaitDone()
	servicetest.Await(t, "the claim is gone", func() bool { return s.redis.Do("DBSIZE") == "0" })
	s.kafka.Produce(old)
	s.awaitDone()
	assert.Equal(t, "1", s.clickhouse.Query("SELECT count() FROM post_events FINAL"))
	assert.Equal(t, "2", s.clickhouse.Query("SELECT sum(views) FROM post_engagement_hourly"))
}

// Of two events with one identity that say different things the first is kept; the
// conflict is counted each time and logged once.
func TestConflictingCopies(t *testing.T) {
	s := startStack(t)
	r := s.run()
	id, at := uuid.New(), time.Now()
	first := event(id, "view", at)
	r.accept(first)
	s.awaitDone()
	for range 3 {
		r.accept(strings.Replace(first, `"dwell_ms":7`, `"dwell_ms":8`, 1))
		s.awaitDone()
	}
	s.requireOnce(1)
	assert.Equal(t, "7", s.clickhouse.Query("SELECT dwell_ms FROM post_events"))
	_, metrics := r.get("/metrics")
	assert.Contains(t, metrics, "\nevent_deduplication_conflicts_total 3\n")
	require.Equal(t, 1, strings.Count(r.log.String(), "event_idempotency:"), r.log.String())
}
