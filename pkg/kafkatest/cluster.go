package kafkatest

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Patience bounds every wait of this package.
const Patience = 30 * time.Second

// brokers is how many brokers a cluster has: two, so that leaders can move.
const brokers = 2

// Topic is a topic that exists from the start.
type Topic struct {
	Name       string
	Partitions int
	// Config holds topic settings under Kafka's names, such as
	// cleanup.policy. Nil means none.
	Config map[string]string
}

// Cluster is a running Kafka cluster.
type Cluster struct {
	// Brokers holds the addresses, which stay the same over Restart.
	Brokers []string

	tb     testing.TB
	data   string
	client *kgo.Client

	mu   sync.Mutex
	fake *kfake.Cluster
}

// Start runs a cluster with the given topics until the test ends.
func Start(tb testing.TB, topics ...Topic) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb, data: tb.TempDir()}
	c.launch()
	c.Brokers = c.fake.ListenAddrs()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.Brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(10*time.Millisecond),
	)
	require.NoError(tb, err)
	c.client = client
	tb.Cleanup(func() {
		client.Close()
		c.Stop()
	})
	for _, topic := range topics {
		c.CreateTopic(topic)
	}
	return c
}

// launch starts the cluster, on the addresses it had before if it had any.
func (c *Cluster) launch() {
	c.tb.Helper()
	options := []kfake.Opt{kfake.DataDir(c.data), kfake.NumBrokers(brokers)}
	if len(c.Brokers) > 0 {
		ports := make([]int, 0, len(c.Brokers))
		for _, address := range c.Brokers {
			_, port, err := net.SplitHostPort(address)
			require.NoError(c.tb, err)
			number, err := strconv.Atoi(port)
			require.NoError(c.tb, err)
			ports = append(ports, number)
		}
		options = append(options, kfake.Ports(ports...))
	}
	fake, err := kfake.NewCluster(options...)
	require.NoError(c.tb, err)
	c.mu.Lock()
	c.fake = fake
	c.mu.Unlock()
}

// Stop ends all brokers; their data stays for Restart. Stopping twice is fine.
func (c *Cluster) Stop() { c.Fake().Close() }

// Restart starts the brokers again on their addresses, with the topics, records
// and committed offsets they had. Group members have to join again, and faults
// are forgotten. A running cluster is stopped first.
func (c *Cluster) Restart() {
	c.tb.Helper()
	c.Stop()
	c.launch()
}

// Fake returns the cluster underneath, for what this package does not offer.
// Restart replaces it.
func (c *Cluster) Fake() *kfake.Cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fake
}

// CreateTopic adds a topic.
func (c *Cluster) CreateTopic(topic Topic) {
	c.tb.Helper()
	require.NoError(c.tb, c.Fake().CreateTopic(topic.Name, int32(topic.Partitions), topic.Config))
}

// AddPartitions raises the number of a topic's partitions to total.
func (c *Cluster) AddPartitions(topic string, total int) {
	c.tb.Helper()
	request := kmsg.NewPtrCreatePartitionsRequest()
	wanted := kmsg.NewCreatePartitionsRequestTopic()
	wanted.Topic, wanted.Count = topic, int32(total)
	request.Topics = append(request.Topics, wanted)
	ctx, cancel := c.patient()
	defer cancel()
	_, err := request.RequestWith(ctx, c.client)
	require.NoError(c.tb, err)
	require.Eventually(c.tb, func() bool { // until Produce can write to them
		c.client.ForceMetadataRefresh()
		leader, _, err := c.client.PartitionLeader(topic, int32(total-1))
		return err == nil && leader >= 0
	}, Patience, 10*time.Millisecond)
}

// Truncate removes the records of a partition that lie before offset, as
// retention would.
func (c *Cluster) Truncate(topic string, partition int, offset int64) {
	c.tb.Helper()
	require.NoError(c.tb, c.Fake().DeleteRecords(topic, int32(partition), offset))
}

// MoveLeader gives a partition to the other broker.
func (c *Cluster) MoveLeader(topic string, partition int) {
	c.tb.Helper()
	fake := c.Fake()
	next := (fake.LeaderFor(topic, int32(partition)) + 1) % brokers
	require.NoError(c.tb, fake.MoveTopicPartition(topic, int32(partition), next))
}

func (c *Cluster) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Patience)
}
