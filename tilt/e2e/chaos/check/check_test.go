package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/tilt/e2e/chaos/check"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partitions = 3

// system is what a system without a fault would have made of a workload.
type system struct {
	t          *testing.T
	clickhouse *chtest.Server
	kafka      *kafkatest.Cluster
	client     *kafkaio.Client
	work       *workload.Generator
	auditor    *check.Auditor
}

func newSystem(t *testing.T) *system {
	t.Helper()
	topics := []kafkatest.Topic{{Name: workload.Topic, Partitions: partitions}, {Name: "events-dlq", Partitions: 1}, {Name: "cdc-dlq", Partitions: 1}}
	for _, table := range workload.Tables() {
		topics = append(topics, kafkatest.Topic{Name: table.Topic(), Partitions: partitions})
	}
	s := &system{t: t, clickhouse: chtest.Start(t, chtest.WithFlags("--set", "optimize_on_insert=0")), kafka: kafkatest.Start(t, topics...)}
	servicetest.Migrate(t, s.clickhouse.Addr)
	s.client = kafkaio.New(s.kafka.Brokers)
	t.Cleanup(s.client.Close)
	start := time.Now().Truncate(time.Second)
	s.work = workload.New(workload.Config{Seed: 3, Start: start, Partitions: partitions, Changes: true})
	s.auditor = check.New(check.Deps{
		Kafka: s.client, Truth: s.work, Start: start, Changes: true, Groups: map[string][]string{"group": {workload.Topic}},
		Query: func(ctx context.Context, sql string) (string, error) { return s.clickhouse.Do(ctx, sql, nil) },
	})
	round := s.work.Round(workload.Volume{Steps: 2, Events: 60, Changes: 300, Poison: 10, Forbidden: 2})
	for _, step := range append(round.Steps, round.Late) {
		require.NoError(t, s.client.Append(t.Context(), step.Records))
	}
	s.storeEvents()
	s.storeRows()
	s.bury()
	return s
}

// storeEvents stores the first copy of each event.
func (s *system) storeEvents() {
	s.t.Helper()
	var sql strings.Builder
	sql.WriteString("INSERT INTO post_events SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow\n")
	stored := map[string]bool{}
	for _, record := range s.kafka.Records(workload.Topic) {
		for id, e := range s.work.Events() {
			if e.IsForbidden || stored[id.String()] || !strings.HasPrefix(string(record.Key), e.UserID.String()) || !s.holds(record, id.String(), id[:]) {
				continue
			}
			stored[id.String()] = true
			attributes := map[string]string{}
			for _, a := range e.Attributes {
				attributes[a.Name] = a.Value
			}
			row, err := json.Marshal(map[string]any{
				"event_id": id, "event_type": e.Action.EventType(), "event_time": time.UnixMilli(e.TimeMS).UTC().Format("2006-01-02T15:04:05.000Z"),
				"user_id": e.UserID, "post_id": e.PostID, "author_id": nullable(e.AuthorID.String()), "dwell_ms": e.DwellMS,
				"device": e.Device, "app_ver": e.AppVersion, "attributes": attributes,
				"topic": workload.Topic, "partition": record.Partition, "offset": record.Offset,
			})
			require.NoError(s.t, err)
			sql.Write(append(row, '\n'))
		}
	}
	s.clickhouse.Exec(sql.String())
}

// holds reports whether a record is a copy of an event, in either encoding.
func (s *system) holds(record kafkatest.Record, text string, binary []byte) bool {
	return strings.Contains(string(record.Value), text) || strings.Contains(string(record.Value), string(binary))
}

func nullable(id string) any {
	if strings.Trim(id, "0-") == "" {
		return nil
	}
	return id
}

// storeRows stores the rows of the source.
func (s *system) storeRows() {
	s.t.Helper()
	for _, table := range workload.Tables() {
		columns := s.clickhouse.Query("SELECT name, type FROM system.columns WHERE database = 'nova' AND table = '" + table.Target +
			"' AND name NOT IN ('version', 'is_deleted') ORDER BY position")
		var rows []string
		for _, cells := range s.work.Rows(table) {
			rows = append(rows, "("+s.values(table, columns, cells)+", 8, 0)")
		}
		s.clickhouse.Exec("INSERT INTO " + table.Target + " VALUES " + strings.Join(rows, ", "))
	}
}

// values are the cells of a row as expressions, in the order of ClickHouse's columns.
func (s *system) values(table workload.Table, columns string, cells []*string) string {
	s.t.Helper()
	var names, values []string
	at := 0
	for line := range strings.Lines(columns) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), "\t")
		names = append(names, name)
		if name == "status" && table.Source == "follows" {
			values = append(values, "'active'")
			continue
		}
		values = append(values, expression(kind, cells[at]))
		at++
	}
	require.Equal(s.t, len(cells), at, names)
	return strings.Join(values, ", ")
}

func expression(kind string, cell *string) string {
	switch {
	case cell == nil:
		return "NULL"
	case strings.Contains(kind, "DateTime64"):
		return "fromUnixTimestamp64Micro(toInt64(" + *cell + "))"
	default:
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(*cell) + "'"
	}
}

// bury writes the letters of what cannot be stored.
func (s *system) bury() {
	s.t.Helper()
	buried := map[string]bool{}
	for _, topic := range append([]string{workload.Topic}, s.cdcTopics()...) {
		for _, record := range s.kafka.Records(topic) {
			isPoison := false
			for _, h := range record.Headers {
				isPoison = isPoison || h.Key == workload.PoisonHeader
			}
			for id, e := range s.work.Events() {
				if e.IsForbidden && !buried[id.String()] && s.holds(record, id.String(), id[:]) {
					isPoison, buried[id.String()] = true, true
				}
			}
			if isPoison {
				s.writeLetter(record, nil)
			}
		}
	}
}

func (s *system) cdcTopics() []string {
	var topics []string
	for _, table := range workload.Tables() {
		topics = append(topics, table.Topic())
	}
	return topics
}

// writeLetter writes the letter of a record, changed by change.
func (s *system) writeLetter(record kafkatest.Record, change func(*dlq.Record)) {
	s.t.Helper()
	of := dlq.Record{Topic: record.Topic, Partition: record.Partition, Offset: record.Offset, Key: record.Key, Value: record.Value}
	for _, h := range record.Headers {
		of.Headers = append(of.Headers, dlq.RecordHeader{Key: h.Key, Value: h.Value})
	}
	if change != nil {
		change(&of)
	}
	encoded, err := dlq.NewLetter(of, dlq.Failure{Err: errors.New("refused"), Class: "test", At: time.Now()}).Encode()
	require.NoError(s.t, err)
	topic := "cdc-dlq"
	if record.Topic == workload.Topic {
		topic = "events-dlq"
	}
	s.kafka.Produce(kafkatest.Record{Topic: topic, Value: encoded})
}

func (s *system) check() []check.Violation {
	s.t.Helper()
	violations, err := s.auditor.Check(s.t.Context())
	require.NoError(s.t, err)
	return violations
}

// requireHarm requires that this harm is found there, and nothing elsewhere.
func (s *system) requireHarm(harm check.Harm, where ...string) {
	s.t.Helper()
	violations := s.check()
	found := map[string]bool{}
	for _, v := range violations {
		if v.Harm == harm {
			found[v.Where] = true
		}
	}
	for _, table := range where {
		assert.True(s.t, found[table], "%s in %s:\n%s", harm, table, check.Describe(violations))
		delete(found, table)
	}
	assert.Empty(s.t, found, check.Describe(violations))
}

// What is stored as it was sent is no violation; every kind of harm is found, where
// it is, and nowhere else.
func TestHarm(t *testing.T) {
	s := newSystem(t)
	require.Empty(t, s.check(), check.Describe(s.check()))

	row := s.clickhouse.Query("SELECT event_id FROM post_events WHERE event_type = 'post_like' LIMIT 1")
	engagement := []string{"post_engagement_hourly", "post_engagement_minutely"}
	s.clickhouse.Exec("INSERT INTO post_events SELECT * FROM post_events WHERE event_id = '" + row + "'")
	s.requireHarm(check.Doubled, append(engagement, "post_events")...)

	const now = " SETTINGS mutations_sync = 2, lightweight_deletes_sync = 2"
	s.clickhouse.Exec("ALTER TABLE post_events DELETE WHERE event_id = '" + row + "'" + now)
	s.requireHarm(check.Lost, "post_events")
	s.requireHarm(check.Doubled, engagement...)

	other := s.clickhouse.Query("SELECT event_id FROM post_events LIMIT 1")
	s.clickhouse.Exec("ALTER TABLE post_events UPDATE device = 'else' WHERE event_id = '" + other + "'" + now)
	s.requireHarm(check.Wrong, "post_events")
	s.clickhouse.Exec("TRUNCATE TABLE post_engagement_hourly")
	s.requireHarm(check.Lost, "post_events", "post_engagement_hourly")
}

// A row of the source that is missing, changed, or there although it was deleted is
// found in the table of changes and in the views over it.
func TestHarmOfChanges(t *testing.T) {
	s := newSystem(t)
	const now = " SETTINGS mutations_sync = 2"
	s.clickhouse.Exec("ALTER TABLE comments DELETE WHERE id = (SELECT min(id) FROM comments)" + now)
	s.requireHarm(check.Lost, "comments")
	s.clickhouse.Exec("ALTER TABLE users UPDATE bio = 'other' WHERE id = (SELECT min(id) FROM users)" + now)
	s.requireHarm(check.Wrong, "users")
	s.clickhouse.Exec("INSERT INTO user_relationships (id, follower_id, followee_id, status, version) SELECT generateUUIDv4(1), generateUUIDv4(2), generateUUIDv4(3), 'active', 8")
	s.requireHarm(check.Wrong, append(workload.Views(), "users", "user_relationships")...)
}

// A letter that is missing, of another record, or not byte for byte the record's is
// found; a second letter of the same record is none.
func TestHarmOfLetters(t *testing.T) {
	s := newSystem(t)
	var poison, good kafkatest.Record
	for _, record := range s.kafka.Records(workload.Topic) {
		if len(record.Headers) > 0 && record.Headers[len(record.Headers)-1].Key == workload.PoisonHeader {
			poison = record
		} else if good.Topic == "" {
			good = record
		}
	}
	s.writeLetter(poison, nil)
	require.Empty(t, s.check())
	s.writeLetter(poison, func(r *dlq.Record) { r.Value = append([]byte("x"), r.Value...) })
	s.requireHarm(check.Wrong, "events-dlq")

	s = newSystem(t)
	s.writeLetter(good, nil)
	s.requireHarm(check.Wrong, "events-dlq")
	s.work.Round(workload.Volume{Steps: 1})
	require.NoError(t, s.client.Append(t.Context(), []kafkaio.Record{{Topic: "cdc.users", Headers: []kafkaio.Header{{Key: workload.PoisonHeader, Value: []byte("new")}}}}))
	s.requireHarm(check.Lost, "cdc-dlq")
}

// What was not sent at all is no harm of the system's, but an error.
func TestIncompleteWorkload(t *testing.T) {
	s := newSystem(t)
	s.work.Round(workload.Volume{Steps: 1, Events: 1})
	_, err := s.auditor.Check(t.Context())
	require.ErrorContains(t, err, "was not sent")
}

// A group that has not committed everything in time is stuck, and where.
func TestAwaitQuiet(t *testing.T) {
	s := newSystem(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	violations, err := s.auditor.AwaitQuiet(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, violations)
	assert.Equal(t, check.Stuck, violations[0].Harm)
	assert.Contains(t, violations[0].Detail, "committed 0 of")
}
