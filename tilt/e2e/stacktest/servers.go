package stacktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

const (
	requestWithin = 30 * time.Second
	commitWithin  = 30 * time.Second
	kafkaTimeout  = 10 * time.Second
)

// Postgres runs statements as one transaction each.
func (s *Stack) Postgres(t *testing.T, statements ...string) {
	t.Helper()
	db := s.Connect(t)
	defer func() { _ = db.Close(context.Background()) }()
	for _, statement := range statements {
		_, err := db.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

// Restore runs statements in a cleanup, when the test's own context has ended.
func (s *Stack) Restore(t *testing.T, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), requestWithin)
	defer cancel()
	db, err := pgx.Connect(ctx, s.Vars["POSTGRES_DSN"])
	require.NoError(t, err)
	defer func() { _ = db.Close(ctx) }()
	for _, statement := range statements {
		_, err := db.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
}

// Connect connects to PostgreSQL; the caller closes the connection.
func (s *Stack) Connect(t *testing.T) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), s.Vars["POSTGRES_DSN"])
	require.NoError(t, err)
	return db
}

// ClickHouse returns a query's result as tab-separated text, or the error of a
// server that cannot be reached or refuses.
func (s *Stack) ClickHouse(query string) (string, error) {
	status, body, err := Post(s.Vars["CLICKHOUSE_HTTP"]+"/?database=nova", "text/plain", query)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", query, err, body)
	}
	return strings.TrimSuffix(body, "\n"), nil
}

// AwaitRows waits until the query answers want, for at most the given time.
func (s *Stack) AwaitRows(t *testing.T, within time.Duration, query, want string) {
	t.Helper()
	var got string
	var err error
	Await(t, within, func() bool {
		got, err = s.ClickHouse(query)
		return err == nil && got == want
	}, func() string { return fmt.Sprintf("%s\nwant %q\n got %q, %v", query, want, got, err) })
}

// AwaitCommitted waits until the group has committed the end of every partition
// of the topic, which is not empty.
func (s *Stack) AwaitCommitted(t *testing.T, group, topic string) {
	t.Helper()
	client, closeClient := s.kafka()
	defer closeClient()
	var state string
	Await(t, commitWithin, func() bool {
		lag, records, err := groupLag(t.Context(), client, group, topic)
		state = fmt.Sprintf("lag %d of %d records, %v", lag, records, err)
		return err == nil && lag == 0 && records > 0
	}, func() string { return fmt.Sprintf("group %s on %s: %s", group, topic, state) })
}

// kafka returns a client whose connections end with it.
func (s *Stack) kafka() (client *kafka.Client, closeClient func()) {
	transport := &kafka.Transport{}
	return &kafka.Client{Addr: kafka.TCP(s.Brokers()...), Transport: transport, Timeout: kafkaTimeout}, transport.CloseIdleConnections
}

func groupLag(ctx context.Context, client *kafka.Client, group, topic string) (lag, records int64, err error) {
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, 0, err
	}
	count := len(metadata.Topics[0].Partitions)
	partitions, ends := make([]int, 0, count), make([]kafka.OffsetRequest, 0, count)
	for _, partition := range metadata.Topics[0].Partitions {
		partitions = append(partitions, partition.ID)
		ends = append(ends, kafka.LastOffsetOf(partition.ID))
	}
	listed, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ends}})
	if err != nil {
		return 0, 0, err
	}
	committed, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: partitions}})
	if err != nil {
		return 0, 0, err
	}
	offsets := map[int]int64{}
	for _, partition := range committed.Topics[topic] {
		offsets[partition.Partition] = max(partition.CommittedOffset, 0)
	}
	for _, partition := range listed.Topics[topic] {
		lag += partition.LastOffset - offsets[partition.Partition]
		records += partition.LastOffset
	}
	return lag, records, partitionErrors(listed.Topics[topic])
}

func partitionErrors(offsets []kafka.PartitionOffsets) error {
	problems := make([]error, 0, len(offsets))
	for _, partition := range offsets {
		problems = append(problems, partition.Error)
	}
	return errors.Join(problems...)
}

// Commit sets what a group without members has committed of a topic, a value for
// each of its partitions.
func (s *Stack) Commit(t *testing.T, group, topic string, offsets []int64) {
	t.Helper()
	client, closeClient := s.kafka()
	defer closeClient()
	commits := make([]kafka.OffsetCommit, 0, len(offsets))
	for partition, offset := range offsets {
		commits = append(commits, kafka.OffsetCommit{Partition: partition, Offset: offset})
	}
	var problem error
	Await(t, commitWithin, func() bool {
		answer, err := client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{
			GroupID: group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{topic: commits},
		})
		problem = err
		if err == nil {
			for _, partition := range answer.Topics[topic] {
				problem = errors.Join(problem, partition.Error)
			}
		}
		return problem == nil
	}, func() string { return fmt.Sprintf("group %s cannot be set on %s: %v", group, topic, problem) })
}

// CreateTopics makes topics of one partition that take records of up to 8 MiB.
func (s *Stack) CreateTopics(t *testing.T, names ...string) {
	t.Helper()
	client, closeClient := s.kafka()
	defer closeClient()
	topics := make([]kafka.TopicConfig, 0, len(names))
	for _, name := range names {
		topics = append(topics, kafka.TopicConfig{
			Topic: name, NumPartitions: 1, ReplicationFactor: 1,
			ConfigEntries: []kafka.ConfigEntry{{ConfigName: "max.message.bytes", ConfigValue: "8388608"}},
		})
	}
	answer, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: topics})
	require.NoError(t, err)
	for name, err := range answer.Errors {
		require.NoError(t, err, name)
	}
}

// Topics are the names of all topics but Kafka's own, with how many partitions
// each has.
func (s *Stack) Topics(t *testing.T) map[string]int {
	t.Helper()
	client, closeClient := s.kafka()
	defer closeClient()
	metadata, err := client.Metadata(t.Context(), &kafka.MetadataRequest{})
	require.NoError(t, err)
	topics := map[string]int{}
	for _, topic := range metadata.Topics {
		if !topic.Internal {
			topics[topic.Name] = len(topic.Partitions)
		}
	}
	return topics
}

// Post sends a body and returns what is answered.
func Post(url, contentType, body string) (status int, answer string, err error) {
	return send(http.MethodPost, url, contentType, body)
}

// Get returns what is answered.
func Get(url string) (status int, answer string, err error) {
	return send(http.MethodGet, url, "", "")
}

func send(method, url, contentType, body string) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}
