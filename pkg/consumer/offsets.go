package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"github.com/nova-data/nova/pkg/consumer/protocol"
)

// position is where a partition begins in a generation.
type position struct {
	offset int64
	// end is where the log ended when it was read from its start, else 0.
	end int64
	// pin says that the offset is to be committed before any record is read.
	pin bool
	// committed and metadata are what the group has, -1 and empty if nothing.
	committed int64
	metadata  string
}

// offsetLookup looks offsets up for a group.
type offsetLookup struct {
	client *kafka.Client
	group  string
	start  StartOffsets
	// holder is nil if the service cannot tell.
	holder Holder
}

// positions returns where to begin each of the partitions: at its committed
// offset, or where none is, or always, at the configured end of the log.
func (l *offsetLookup) positions(ctx context.Context, partitions map[string][]int) (map[string]map[int]position, error) {
	answers, err := l.fetch(ctx, partitions)
	if err != nil {
		return nil, err
	}
	found := map[string]map[int]position{}
	for topic, numbers := range partitions {
		found[topic] = map[int]position{}
		for _, answer := range answers[topic] {
			if answer.CommittedOffset >= 0 && l.start != always {
				found[topic][answer.Partition] = position{offset: answer.CommittedOffset, committed: answer.CommittedOffset, metadata: answer.Metadata}
			}
		}
		for _, number := range numbers {
			if _, ok := found[topic][number]; ok {
				continue
			}
			at, err := l.chosen(ctx, topic, number)
			if err != nil {
				return nil, err
			}
			at.committed = -1
			found[topic][number] = at
		}
	}
	return found, nil
}

// committed returns what the group has of all partitions of a batch.
func (l *offsetLookup) committed(ctx context.Context, b protocol.Batch) (map[int]protocol.Committed, error) {
	request := map[string][]int{}
	for _, r := range b.Ranges {
		request[b.Topic] = append(request[b.Topic], r.Partition)
	}
	answers, err := l.fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	found := map[int]protocol.Committed{}
	for _, answer := range answers[b.Topic] {
		found[answer.Partition] = protocol.Committed{Partition: answer.Partition, Offset: answer.CommittedOffset, Metadata: answer.Metadata}
	}
	if len(found) < len(b.Ranges) {
		return nil, fmt.Errorf("fetching committed offsets: %w", errIncomplete)
	}
	return found, nil
}

// fetch asks what the group has committed of partitions; an error of one of them is
// one of the whole.
func (l *offsetLookup) fetch(ctx context.Context, partitions map[string][]int) (map[string][]kafka.OffsetFetchPartition, error) {
	response, err := l.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: l.group, Topics: partitions})
	if err != nil {
		return nil, fmt.Errorf("fetching committed offsets: %w", err)
	}
	if response.Error != nil {
		return nil, fmt.Errorf("fetching committed offsets: %w", response.Error)
	}
	for topic, answers := range response.Topics {
		for _, answer := range answers {
			if answer.Error != nil {
				return nil, fmt.Errorf("fetching the committed offset of %s/%d: %w", topic, answer.Partition, answer.Error)
			}
		}
	}
	return response.Topics, nil
}

// chosen is where a partition begins that has no commit, or always.
func (l *offsetLookup) chosen(ctx context.Context, topic string, number int) (position, error) {
	first, last, err := l.ends(ctx, topic, number)
	if err != nil {
		return position{}, err
	}
	switch l.start {
	case Latest:
		return position{offset: last, pin: true}, nil
	case always:
		return position{offset: first, end: last}, nil
	case Auto:
		return position{offset: first}, l.refuseHeld(ctx, topic, number)
	default:
		return position{offset: first}, nil
	}
}

// refuseHeld returns an error if the records of a partition without a commit are
// stored already: read from the start they would be stored under other tokens,
// and twice in every sum.
func (l *offsetLookup) refuseHeld(ctx context.Context, topic string, number int) error {
	if l.holder == nil {
		return nil
	}
	holds, err := l.holder.Holds(ctx, topic, number)
	if err != nil {
		return fmt.Errorf("asking whether %s/%d is stored: %w", topic, number, err)
	}
	if holds {
		return fmt.Errorf("%w: %s/%d has no committed offset, and rows of it are stored; set START_OFFSETS=earliest to read it all again, or latest to go on at its end",
			errHeld, topic, number)
	}
	return nil
}

// ends returns the first offset of a partition's log and the one after its last.
func (l *offsetLookup) ends(ctx context.Context, topic string, partition int) (first, last int64, err error) {
	response, err := l.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)},
	}})
	if err != nil {
		return 0, 0, fmt.Errorf("looking up the ends of %s/%d: %w", topic, partition, err)
	}
	for _, answer := range response.Topics[topic] {
		if answer.Partition != partition {
			continue
		}
		if answer.Error != nil {
			return 0, 0, fmt.Errorf("looking up the ends of %s/%d: %w", topic, partition, answer.Error)
		}
		if answer.FirstOffset >= 0 && answer.LastOffset >= 0 {
			return answer.FirstOffset, answer.LastOffset, nil
		}
	}
	return 0, 0, fmt.Errorf("looking up the ends of %s/%d: %w", topic, partition, errIncomplete)
}

// counts returns how many partitions each topic has, as the cached metadata
// knows it.
func (l *offsetLookup) counts(ctx context.Context, topics []string) (map[string]int, error) {
	metadata, err := l.client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, fmt.Errorf("looking up topics: %w", err)
	}
	counts := map[string]int{}
	for _, topic := range metadata.Topics {
		if topic.Error != nil {
			return nil, fmt.Errorf("looking up topic %s: %w", topic.Name, topic.Error)
		}
		counts[topic.Name] = len(topic.Partitions)
	}
	for _, topic := range topics {
		if counts[topic] == 0 {
			return nil, fmt.Errorf("looking up topic %s: %w", topic, errIncomplete)
		}
	}
	return counts, nil
}

var (
	errIncomplete = errors.New("the answer is incomplete")
	errHeld       = errors.New("the start is not known")
)
