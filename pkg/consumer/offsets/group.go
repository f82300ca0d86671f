package offsets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nova-data/nova/pkg/broker"
)

// ErrMembers says that the group has members, who alone may commit.
var ErrMembers = errors.New("the group has members")

// Group is a consumer group, seen by somebody who is not in it.
type Group struct {
	client *kafka.Client
	name   string
}

// New returns the group of that name, which need not exist.
func New(cluster *broker.Cluster, name string) *Group {
	return &Group{client: cluster.Client(), name: name}
}

// Position is where a group is in a partition.
type Position struct {
	Partition int
	// First is the offset of the first record there is, End the one after the last
	// that is committed.
	First, End int64
	// Committed is the offset that the group goes on at, -1 if it has none.
	Committed int64
}

// Lag is how many offsets lie between the group and the end.
func (p Position) Lag() int64 { return max(0, p.End-max(p.First, p.Committed)) }

// Positions returns the group's place in each partition of a topic, in their order.
// A topic that does not exist is ErrNoTopic.
func (g *Group) Positions(ctx context.Context, topic string) ([]Position, error) {
	partitions, err := partitions(ctx, g.client, topic)
	if err != nil {
		return nil, err
	}
	positions, err := ends(ctx, g.client, topic, partitions)
	if err != nil {
		return nil, err
	}
	answer, err := g.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: g.name, Topics: map[string][]int{topic: partitions}})
	if err == nil {
		err = answer.Error
	}
	if errors.Is(err, kafka.GroupIdNotFound) {
		return positions, nil
	}
	if err != nil {
		return nil, fmt.Errorf("fetching committed offsets: %w", err)
	}
	for _, one := range answer.Topics[topic] {
		if one.Error != nil {
			return nil, fmt.Errorf("fetching the committed offset of %s/%d: %w", topic, one.Partition, one.Error)
		}
		for i := range positions {
			if positions[i].Partition == one.Partition {
				positions[i].Committed = one.CommittedOffset
			}
		}
	}
	return positions, nil
}

// At returns the offset of the first record of a time at or after at, for those
// partitions of a topic that have one. It is the records' own time.
func (g *Group) At(ctx context.Context, topic string, at time.Time) (map[int]int64, error) {
	partitions, err := partitions(ctx, g.client, topic)
	if err != nil {
		return nil, err
	}
	requests := make([]kafka.OffsetRequest, 0, len(partitions))
	for _, partition := range partitions {
		requests = append(requests, kafka.TimeOffsetOf(partition, at))
	}
	answers, err := list(ctx, g.client, topic, requests)
	if err != nil {
		return nil, err
	}
	found := map[int]int64{}
	for _, answer := range answers {
		for offset := range answer.Offsets {
			if offset >= 0 {
				found[answer.Partition] = offset
			}
		}
	}
	return found, nil
}

// Members returns how many members the group has.
func (g *Group) Members(ctx context.Context) (int, error) {
	answer, err := g.client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{g.name}})
	if err != nil {
		return 0, fmt.Errorf("describing group %s: %w", g.name, err)
	}
	members := 0
	for _, group := range answer.Groups {
		if group.Error != nil && !errors.Is(group.Error, kafka.GroupIdNotFound) {
			return 0, fmt.Errorf("describing group %s: %w", g.name, group.Error)
		}
		members += len(group.Members)
	}
	return members, nil
}

// Set commits an offset for each of the partitions of a topic. The error is
// ErrMembers while the group has any; then nothing is set.
func (g *Group) Set(ctx context.Context, topic string, offsets map[int]int64) error {
	commits := make([]kafka.OffsetCommit, 0, len(offsets))
	for partition, offset := range offsets {
		commits = append(commits, kafka.OffsetCommit{Partition: partition, Offset: offset})
	}
	slices.SortFunc(commits, func(a, b kafka.OffsetCommit) int { return cmp.Compare(a.Partition, b.Partition) })
	answer, err := g.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: g.name, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{topic: commits},
	})
	if err != nil {
		return fmt.Errorf("setting the offsets of %s: %w", topic, err)
	}
	for _, one := range answer.Topics[topic] {
		if errors.Is(one.Error, kafka.UnknownMemberId) || errors.Is(one.Error, kafka.IllegalGeneration) || errors.Is(one.Error, kafka.RebalanceInProgress) {
			return ErrMembers
		}
		if one.Error != nil {
			return fmt.Errorf("setting the offset of %s/%d: %w", topic, one.Partition, one.Error)
		}
	}
	return nil
}
