package offsets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nova-data/nova/pkg/broker"
)

const (
	// newestWait bounds how long a broker looks for a record that is there.
	newestWait = time.Second
	// newestBytes is room for records of any size: a broker sends the first whole.
	newestBytes = 1 << 20
	// newestRecords are looked at, since markers of transactions may be the last.
	newestRecords = 8
)

// ErrNoTopic says that a topic does not exist.
var ErrNoTopic = errors.New("there is no such topic")

// Newest returns the time of a topic's newest record, as it was produced, and the
// zero time if it has none.
func Newest(ctx context.Context, cluster *broker.Cluster, topic string) (newest time.Time, err error) {
	partitions, err := partitions(ctx, cluster.Client(), topic)
	if err != nil {
		return time.Time{}, err
	}
	positions, err := ends(ctx, cluster.Client(), topic, partitions)
	if err != nil {
		return time.Time{}, err
	}
	for _, p := range positions {
		if p.End == p.First {
			continue
		}
		last, err := lastOf(ctx, cluster.Client(), topic, p)
		if err != nil {
			return time.Time{}, fmt.Errorf("reading the newest record of %s/%d: %w", topic, p.Partition, err)
		}
		if last.After(newest) {
			newest = last
		}
	}
	return newest, nil
}

// lastOf returns the time of a partition's last record.
func lastOf(ctx context.Context, client *kafka.Client, topic string, p Position) (last time.Time, err error) {
	answer, err := client.Fetch(ctx, &kafka.FetchRequest{
		Topic: topic, Partition: p.Partition, Offset: max(p.First, p.End-newestRecords),
		MinBytes: 1, MaxBytes: newestBytes, MaxWait: newestWait, IsolationLevel: kafka.ReadCommitted,
	})
	if err != nil {
		return time.Time{}, err
	}
	if answer.Error != nil {
		return time.Time{}, answer.Error
	}
	for {
		record, err := answer.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return time.Time{}, err
		}
		last = record.Time
	}
}

// partitions returns the numbers of a topic's partitions, or ErrNoTopic.
func partitions(ctx context.Context, client *kafka.Client, topic string) ([]int, error) {
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, fmt.Errorf("looking up topic %s: %w", topic, err)
	}
	var found []int
	for _, known := range metadata.Topics {
		if errors.Is(known.Error, kafka.UnknownTopicOrPartition) {
			return nil, fmt.Errorf("looking up topic %s: %w", topic, ErrNoTopic)
		}
		if known.Error != nil {
			return nil, fmt.Errorf("looking up topic %s: %w", topic, known.Error)
		}
		for _, partition := range known.Partitions {
			found = append(found, partition.ID)
		}
	}
	slices.Sort(found)
	return found, nil
}

// ends returns where partitions begin and end, in their order, without a commit.
func ends(ctx context.Context, client *kafka.Client, topic string, partitions []int) ([]Position, error) {
	requests := make([]kafka.OffsetRequest, 0, 2*len(partitions))
	for _, partition := range partitions {
		requests = append(requests, kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition))
	}
	answers, err := list(ctx, client, topic, requests)
	if err != nil {
		return nil, err
	}
	positions := make([]Position, 0, len(partitions))
	for _, answer := range answers {
		if answer.FirstOffset < 0 || answer.LastOffset < 0 {
			return nil, fmt.Errorf("looking up the ends of %s/%d: %w", topic, answer.Partition, errIncomplete)
		}
		positions = append(positions, Position{Partition: answer.Partition, First: answer.FirstOffset, End: answer.LastOffset, Committed: -1})
	}
	if len(positions) < len(partitions) {
		return nil, fmt.Errorf("looking up the ends of %s: %w", topic, errIncomplete)
	}
	slices.SortFunc(positions, func(a, b Position) int { return cmp.Compare(a.Partition, b.Partition) })
	return positions, nil
}

func list(ctx context.Context, client *kafka.Client, topic string, requests []kafka.OffsetRequest) ([]kafka.PartitionOffsets, error) {
	answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: requests}, IsolationLevel: kafka.ReadCommitted,
	})
	if err != nil {
		return nil, fmt.Errorf("looking up offsets of %s: %w", topic, err)
	}
	for _, one := range answer.Topics[topic] {
		if one.Error != nil {
			return nil, fmt.Errorf("looking up offsets of %s/%d: %w", topic, one.Partition, one.Error)
		}
	}
	return answer.Topics[topic], nil
}

var errIncomplete = errors.New("the answer is incomplete")
