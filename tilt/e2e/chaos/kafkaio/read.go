package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go"
)

const fetchBytes = 8 << 20

// Ends returns the offset behind the last record of each partition of a topic.
func (c *Client) Ends(ctx context.Context, topic string) ([]int64, error) {
	var ends []int64
	err := persist(ctx, "finding the ends of "+topic, func(ctx context.Context) error {
		var err error
		ends, err = c.ends(ctx, topic)
		return err
	})
	return ends, err
}

func (c *Client) ends(ctx context.Context, topic string) ([]int64, error) {
	metadata, err := c.kafka.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, err
	}
	if len(metadata.Topics) != 1 || len(metadata.Topics[0].Partitions) == 0 {
		return nil, errors.New("the topic does not exist")
	}
	count := len(metadata.Topics[0].Partitions)
	var wanted []kafka.OffsetRequest
	for partition := range count {
		wanted = append(wanted, kafka.LastOffsetOf(partition))
	}
	listed, err := c.kafka.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: wanted}})
	if err != nil {
		return nil, err
	}
	ends := make([]int64, count)
	if len(listed.Topics[topic]) != count {
		return nil, fmt.Errorf("%d of %d partitions have answered", len(listed.Topics[topic]), count)
	}
	for _, partition := range listed.Topics[topic] {
		if partition.Error != nil {
			return nil, partition.Error
		}
		ends[partition.Partition] = partition.LastOffset
	}
	return ends, nil
}

// Committed returns what a group has committed for each of a topic's partitions,
// which number count; 0 where it has not.
func (c *Client) Committed(ctx context.Context, group, topic string, count int) ([]int64, error) {
	committed := make([]int64, count)
	partitions := make([]int, 0, count)
	for partition := range count {
		partitions = append(partitions, partition)
	}
	err := persist(ctx, "reading the offsets of "+group, func(ctx context.Context) error {
		answer, err := c.kafka.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: partitions}})
		if err == nil {
			err = answer.Error
		}
		if errors.Is(err, kafka.GroupIdNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, partition := range answer.Topics[topic] {
			if partition.Error != nil {
				return partition.Error
			}
			committed[partition.Partition] = max(0, partition.CommittedOffset)
		}
		return nil
	})
	return committed, err
}

// Read returns the records of a partition from one offset up to another, which is
// not beyond the partition's end.
func (c *Client) Read(ctx context.Context, topic string, partition int, from, to int64) ([]Record, error) {
	var records []Record
	for from < to {
		err := persist(ctx, fmt.Sprintf("reading %s/%d at %d", topic, partition, from), func(ctx context.Context) error {
			fetched, err := c.fetch(ctx, topic, partition, from)
			if err != nil {
				return err
			}
			if len(fetched) == 0 {
				return errors.New("no records")
			}
			records = append(records, fetched...)
			from = fetched[len(fetched)-1].Offset + 1
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(records, func(r Record) bool { return r.Offset >= to }), nil
}

// fetch returns records at and behind an offset.
func (c *Client) fetch(ctx context.Context, topic string, partition int, from int64) ([]Record, error) {
	response, err := c.kafka.Fetch(ctx, &kafka.FetchRequest{
		Topic: topic, Partition: partition, Offset: from, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: requestTimeout / 4,
	})
	if err == nil {
		err = response.Error
	}
	if err != nil {
		return nil, err
	}
	var records []Record
	for {
		record, err := response.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		decoded, err := decode(topic, partition, record)
		if err != nil {
			return nil, err
		}
		if decoded.Offset >= from { // a batch may begin earlier
			records = append(records, decoded)
		}
	}
}

func decode(topic string, partition int, record *kafka.Record) (Record, error) {
	decoded := Record{Topic: topic, Partition: partition, Offset: record.Offset, Time: record.Time, Headers: record.Headers}
	for _, field := range []struct {
		from kafka.Bytes
		to   *[]byte
	}{{record.Key, &decoded.Key}, {record.Value, &decoded.Value}} {
		if field.from == nil {
			continue
		}
		data, err := kafka.ReadAll(field.from)
		if err != nil {
			return Record{}, fmt.Errorf("reading a record: %w", err)
		}
		if data == nil {
			data = []byte{} // empty, not null
		}
		*field.to = data
	}
	return decoded, nil
}
