package topics

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// migrator returns a Migrator of the cluster for the declared topics.
func migrator(t *testing.T, brokers []string, declared []Topic) *Migrator {
	t.Helper()
	cluster, err := broker.Open(broker.Config{Brokers: brokers, ClientID: "nova", DialTimeout: 5 * time.Second, Timeout: 30 * time.Second})
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return New(cluster, declared, slog.New(slog.DiscardHandler))
}

func declaredTopics(t *testing.T) []Topic {
	t.Helper()
	declared, err := Declared()
	require.NoError(t, err)
	return declared
}

// TestDeclaredTopics holds the topics that the services, Debezium and its
// connector configuration count on.
func TestDeclaredTopics(t *testing.T) {
	t.Parallel()
	byName := map[string]Topic{}
	for _, topic := range declaredTopics(t) {
		byName[topic.Name] = topic
		assert.Equal(t, 3, topic.Replication, topic.Name)
		assert.Equal(t, "2", topic.Config["min.insync.replicas"], topic.Name)
	}
	assert.Len(t, byName, 13)
	for _, name := range []string{"cdc.users", "cdc.posts", "cdc.comments", "cdc.likes", "cdc.follows", "events"} {
		assert.Equal(t, 12, byName[name].Partitions, name)
		assert.Equal(t, "delete", byName[name].Config["cleanup.policy"], name)
		assert.Equal(t, "604800000", byName[name].Config["retention.ms"], name)
	}
	assert.Equal(t, "compact", byName["cdc.job_definitions"].Config["cleanup.policy"])
	assert.NotEmpty(t, byName["cdc.job_definitions"].Config["min.compaction.lag.ms"])
	for name, most := range map[string]string{"events-dlq": "4194352", "cdc.posts": "8388608", "cdc-dlq": "33554432"} {
		assert.Equal(t, most, byName[name].Config["max.message.bytes"], name)
	}
	for _, name := range []string{"__debezium-heartbeat.nova", "nova.transaction", "nova.message", "cdc.debezium_signal"} {
		assert.Equal(t, 1, byName[name].Partitions, name)
	}
}

// TestApplyFromNothing holds the way of a new cluster: the plan names what is
// missing, applying makes it with as many copies as there are brokers, and then
// nothing is left to do.
func TestApplyFromNothing(t *testing.T) {
	cluster := kafkatest.Start(t)
	m := migrator(t, cluster.Brokers, declaredTopics(t))
	plan, err := m.Plan(t.Context())
	require.NoError(t, err)
	assert.Len(t, plan.Steps, 13)
	assert.Equal(t, Step{Topic: "cdc.users", Name: "create (partitions 12, replication 2)"}, Step{Topic: plan.Steps[0].Topic, Name: plan.Steps[0].Name})

	done, err := m.Apply(t.Context())
	require.NoError(t, err)
	assert.Equal(t, plan, done)
	after, err := m.Plan(t.Context())
	require.NoError(t, err)
	assert.Empty(t, after.Steps)
	assert.Empty(t, after.Drift)
	cluster.Produce(kafkatest.Record{Topic: "events", Partition: 11, Value: []byte("ready")})
}

// TestConcurrentAppliesAgree holds that several installers at once all succeed.
func TestConcurrentAppliesAgree(t *testing.T) {
	cluster := kafkatest.Start(t)
	declared := declaredTopics(t)
	var installers sync.WaitGroup
	for range 4 {
		m := migrator(t, cluster.Brokers, declared)
		installers.Go(func() {
			_, err := m.Apply(t.Context())
			assert.NoError(t, err)
		})
	}
	installers.Wait()
	plan, err := migrator(t, cluster.Brokers, declared).Plan(t.Context())
	require.NoError(t, err)
	assert.Empty(t, plan.Steps)
}

// TestSettingsAreCorrected holds that a setting which differs is set, and that
// more retention or larger messages than declared are not taken away.
func TestSettingsAreCorrected(t *testing.T) {
	declared := []Topic{{Name: "events", Partitions: 1, Replication: 3, Config: map[string]string{
		"cleanup.policy": "delete", "retention.ms": "604800000", "max.message.bytes": "2000000", "min.insync.replicas": "2",
	}}}
	cases := []struct {
		name   string
		config map[string]string
		want   string
	}{
		{"as declared", map[string]string{"retention.ms": "604800000", "max.message.bytes": "2000000"}, "set min.insync.replicas to 2, not 1"},
		{"larger", map[string]string{"retention.ms": "604800001", "max.message.bytes": "2000001", "min.insync.replicas": "2"}, ""},
		{"for ever", map[string]string{"retention.ms": "-1", "max.message.bytes": "2000000", "min.insync.replicas": "2"}, ""},
		{"smaller", map[string]string{"retention.ms": "1000", "min.insync.replicas": "2"}, "set max.message.bytes to 2000000, not 1048588, set retention.ms to 604800000, not 1000"},
		{"compacted", map[string]string{"cleanup.policy": "compact", "retention.ms": "604800000", "max.message.bytes": "2000000", "min.insync.replicas": "2"}, "set cleanup.policy to delete, not compact"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.Start(t, kafkatest.Topic{Name: "events", Partitions: 1, Config: c.config})
			m := migrator(t, cluster.Brokers, declared)
			plan, err := m.Apply(t.Context())
			require.NoError(t, err)
			var steps []string
			for _, step := range plan.Steps {
				steps = append(steps, step.Name)
			}
			assert.Equal(t, c.want, strings.Join(steps, "; "))
			after, err := m.Plan(t.Context())
			require.NoError(t, err)
			assert.Empty(t, after.Steps)
		})
	}
}

// TestFewerPartitionsAreRefused holds that a topic is not given partitions while
// keys rely on their order, that nothing else is changed then, and that more
// partitions than declared are none of our business.
func TestFewerPartitionsAreRefused(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: "events", Partitions: 6}, kafkatest.Topic{Name: "cdc.posts", Partitions: 24})
	m := migrator(t, cluster.Brokers, declaredTopics(t))
	_, err := m.Apply(t.Context())
	var drift *DriftError
	require.ErrorAs(t, err, &drift)
	require.Len(t, drift.Drift, 1)
	assert.Contains(t, err.Error(), "topic events has 6 partitions, declared are 12")
	found, err := m.read(t.Context())
	require.NoError(t, err)
	assert.Len(t, found.topics, 2)
}

// TestCopiesFitTheCluster holds that min.insync.replicas never exceeds the
// copies: a topic could not be written to.
func TestCopiesFitTheCluster(t *testing.T) {
	t.Parallel()
	topic := Topic{Replication: 3, Config: map[string]string{"min.insync.replicas": "2"}}
	for brokers, want := range map[int]string{0: "1", 1: "1", 2: "2", 3: "2", 5: "2"} {
		fitted := topic.fittedTo(brokers)
		assert.Equal(t, want, fitted.Config["min.insync.replicas"], brokers)
		assert.Equal(t, min(max(brokers, 1), 3), fitted.Replication)
	}
	assert.Equal(t, "2", topic.Config["min.insync.replicas"], "the declared topic stays as it is")
}

// TestRefusalsNameTheirTopic holds that what the cluster refuses is told by topic
// and that the other topics are made all the same.
func TestRefusalsNameTheirTopic(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: "altered", Partitions: 1})
	const createTopics, incrementalAlterConfigs, invalidTopic, policyViolation = 19, 44, 17, 44
	cluster.Fail(kafkatest.Fault{Request: createTopics, Topic: "refused", Code: invalidTopic})
	cluster.Fail(kafkatest.Fault{Request: incrementalAlterConfigs, Code: policyViolation})
	m := migrator(t, cluster.Brokers, []Topic{
		{Name: "refused", Partitions: 1, Replication: 1},
		{Name: "good", Partitions: 1, Replication: 1},
		{Name: "altered", Partitions: 1, Replication: 1, Config: map[string]string{"retention.ms": "-1"}},
	})
	_, err := m.Apply(t.Context())
	require.ErrorContains(t, err, "creating topic refused")
	require.ErrorContains(t, err, "setting the configuration of topic altered")
	found, err := m.read(t.Context())
	require.NoError(t, err)
	assert.Contains(t, found.topics, "good")
}

// TestUnreachableClusterIsAnError holds that no answer is not taken for "no
// topics".
func TestUnreachableClusterIsAnError(t *testing.T) {
	t.Parallel()
	_, err := migrator(t, []string{"127.0.0.1:1"}, declaredTopics(t)).Plan(t.Context())
	require.ErrorContains(t, err, "reading the topics")
}

// TestFileIsChecked holds that a mistake in the file is named.
func TestFileIsChecked(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"topics: [{name: a, partitions: 1, replication: 1}, {name: a, partitions: 1, replication: 1}]": "topic a is declared twice",
		"topics: [{name: a, replication: 1}]":       "topic a: partitions must be positive",
		"topics: [{name: a, partitions: 1}]":        "topic a: replication must be positive",
		"topics: [{partitions: 1, replication: 1}]": "a topic has no name",
		"topics: [{name: a, partition: 1}]":         "partition",
	}
	for text, want := range cases {
		_, err := parse([]byte(text))
		require.ErrorContains(t, err, want)
	}
}
