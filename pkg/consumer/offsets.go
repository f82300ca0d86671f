package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// position is where a partition begins in a generation.
type position struct {
	offset int64
	// end is where the log ended when it was read from its start, else 0.
	end int64
	// pin says that the offset is to be committed before any record is read.
	pin bool
}

// offsetLookup looks offsets up for a group.
type offsetLookup struct {
	client *kafka.Client
	group  string
	start  StartOffsets
}

// positions returns where to begin each of the partitions: at its committed
// offset, or where none is, or always, at the configured end of the log.
func (l *offsetLookup) positions(ctx context.Context, partitions map[string][]int) (map[string]map[int]position, error) {
	response, err := l.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: l.group, Topics: partitions})
	if err != nil {
		return nil, fmt.Errorf("fetching committed offsets: %w", err)
	}
	if response.Error != nil {
		return nil, fmt.Errorf("fetching committed offsets: %w", response.Error)
	}
	found := map[string]map[int]position{}
	for topic, numbers := range partitions {
		found[topic] = map[int]position{}
		for _, answer := range response.Topics[topic] {
			if answer.Error != nil {
				return nil, fmt.Errorf("fetching the committed offset of %s/%d: %w", topic, answer.Partition, answer.Error)
			}
			if answer.CommittedOffset >= 0 && l.start != always {
				found[topic][answer.Partition] = position{offset: answer.CommittedOffset}
			}
		}
		for _, number := range numbers {
			if _, ok := found[topic][number]; ok {
				continue
			}
			first, last, err := l.ends(ctx, topic, number)
			if err != nil {
				return nil, err
			}
			switch l.start {
			case Latest:
				found[topic][number] = position{offset: last, pin: true}
			case always:
				found[topic][number] = position{offset: first, end: last}
			default:
				found[topic][number] = position{offset: first}
			}
		}
	}
	return found, nil
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

var errIncomplete = errors.New("the answer is incomplete")
