package kafkaio

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// place is a partition of a topic.
type place struct {
	topic     string
	partition int
}

// Append writes records, each where it says, in order within a partition.
func (c *Client) Append(ctx context.Context, records []Record) error {
	var order []place
	byPlace := map[place][]Record{}
	for _, record := range records {
		at := place{record.Topic, record.Partition}
		if byPlace[at] == nil {
			order = append(order, at)
		}
		byPlace[at] = append(byPlace[at], record)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, at := range order {
		group.Go(func() error {
			return persist(ctx, fmt.Sprintf("appending to %s/%d", at.topic, at.partition), func(ctx context.Context) error {
				return c.produce(ctx, at, byPlace[at])
			})
		})
	}
	return group.Wait()
}

func (c *Client) produce(ctx context.Context, at place, records []Record) error {
	now := time.Now()
	encoded := make([]kafka.Record, 0, len(records))
	for _, record := range records {
		encoded = append(encoded, kafka.Record{
			Time: now, Key: kafka.NewBytes(record.Key), Value: kafka.NewBytes(record.Value), Headers: record.Headers,
		})
	}
	response, err := c.kafka.Produce(ctx, &kafka.ProduceRequest{
		Topic: at.topic, Partition: at.partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(encoded...),
	})
	if err != nil {
		return err
	}
	return response.Error
}
