package kafkatest

import (
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Ends returns the offset after the last record of each partition of a topic,
// control records included.
func (c *Cluster) Ends(topic string) map[int]int64 {
	c.tb.Helper()
	partitions := c.Fake().PartitionInfos(topic)
	require.NotEmpty(c.tb, partitions, "topic %s does not exist", topic)
	ends := map[int]int64{}
	for _, partition := range partitions {
		ends[int(partition.Partition)] = partition.HighWatermark
	}
	return ends
}

// Committed returns the offsets a group has committed for a topic, by
// partition. Partitions without a commit are absent.
func (c *Cluster) Committed(group, topic string) map[int]int64 {
	committed := map[int]int64{}
	if info := c.Fake().GroupInfo(group); info != nil {
		for partition, commit := range info.Commits[topic] {
			committed[int(partition)] = commit.Offset
		}
	}
	return committed
}

// Metadata returns the metadata a group has committed for a topic, by partition.
func (c *Cluster) Metadata(group, topic string) map[int]string {
	metadata := map[int]string{}
	if info := c.Fake().GroupInfo(group); info != nil {
		for partition, commit := range info.Commits[topic] {
			metadata[int(partition)] = commit.Metadata
		}
	}
	return metadata
}

// Commit commits offsets for a group without members, with the same metadata
// beside each.
func (c *Cluster) Commit(group, topic string, offsets map[int]int64, metadata string) {
	c.tb.Helper()
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation = group, -1
	of := kmsg.NewOffsetCommitRequestTopic()
	of.Topic, of.TopicID = topic, c.Fake().TopicInfo(topic).TopicID
	for partition, offset := range offsets {
		one := kmsg.NewOffsetCommitRequestTopicPartition()
		one.Partition, one.Offset, one.Metadata = int32(partition), offset, &metadata
		of.Partitions = append(of.Partitions, one)
	}
	request.Topics = append(request.Topics, of)
	ctx, cancel := c.patient()
	defer cancel()
	response, err := request.RequestWith(ctx, c.client)
	require.NoError(c.tb, err)
	for _, answer := range response.Topics[0].Partitions {
		require.Zero(c.tb, answer.ErrorCode, "committing the offset of %s/%d", topic, answer.Partition)
	}
}

// Members returns how many members a group has.
func (c *Cluster) Members(group string) int {
	if info := c.Fake().GroupInfo(group); info != nil {
		return len(info.Members)
	}
	return 0
}

// AwaitStable waits until a group is stable with that many members, and
// returns how many partitions each has.
func (c *Cluster) AwaitStable(group string, members int) []int {
	c.tb.Helper()
	ctx, cancel := c.patient()
	defer cancel()
	info, err := c.Fake().WaitGroupInfo(ctx, group, func(info *kfake.GroupInfo) bool {
		if info == nil {
			return members == 0
		}
		return len(info.Members) == members && (members == 0 || info.State == "Stable" && info.NumAssigned() > 0)
	})
	require.NoError(c.tb, err, "group %s has not become stable with %d members", group, members)
	var assigned []int
	if info != nil {
		for i := range info.Members {
			assigned = append(assigned, info.Members[i].NumAssigned())
		}
	}
	return assigned
}

// AwaitCommitted waits until a group's committed offsets of a topic are want.
func (c *Cluster) AwaitCommitted(group, topic string, want map[int]int64) {
	c.tb.Helper()
	require.Eventually(c.tb, func() bool {
		committed := c.Committed(group, topic)
		if len(committed) != len(want) {
			return false
		}
		for partition, offset := range want {
			if committed[partition] != offset {
				return false
			}
		}
		return true
	}, Patience, 10*time.Millisecond, "group %s, topic %s: want %v", group, topic, want)
}

// Evict removes a member from its group, as the end of its session does.
func (c *Cluster) Evict(group, member string) error {
	ctx, cancel := c.patient()
	defer cancel()
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group = group
	leaving := kmsg.NewLeaveGroupRequestMember()
	leaving.MemberID = member
	request.Members = append(request.Members, leaving)
	_, err := request.RequestWith(ctx, c.client)
	return err
}
