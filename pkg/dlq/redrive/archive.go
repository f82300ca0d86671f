package redrive

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/pkg/dlq"
)

// archive is the topic of letters.
type archive struct {
	cluster *broker.Cluster
	// group is the service's, by which topics are looked at.
	group *offsets.Group
	topic string
}

// entry is one record of the topic.
type entry struct {
	partition int
	offset    int64
	letter    dlq.Letter
	// err is why the record is no letter.
	err error
}

// position is where the letter lies: topic/partition/offset.
func (a *archive) position(e *entry) string {
	return a.topic + "/" + strconv.Itoa(e.partition) + "/" + strconv.FormatInt(e.offset, 10)
}

// spans are what the topic holds now, by partition.
func (a *archive) spans(ctx context.Context) ([]consumer.Span, error) {
	positions, err := a.group.Positions(ctx, a.topic)
	if err != nil {
		return nil, fmt.Errorf("looking for letters: %w", err)
	}
	spans := make([]consumer.Span, 0, len(positions))
	for _, p := range positions {
		spans = append(spans, consumer.Span{Topic: a.topic, Partition: p.Partition, From: p.First, To: p.End})
	}
	return spans, nil
}

// read calls each with the letters of a span.
func (a *archive) read(ctx context.Context, span consumer.Span, each func(entry) error) error {
	return consumer.Scan(ctx, a.cluster, span, func(r *consumer.Record) error {
		e := entry{partition: r.Partition, offset: r.Offset}
		e.letter, e.err = dlq.Decode(r.Value)
		return each(e)
	})
}

// readAll calls each with all letters there are.
func (a *archive) readAll(ctx context.Context, each func(entry) error) error {
	spans, err := a.spans(ctx)
	if err != nil {
		return err
	}
	for _, span := range spans {
		if err := a.read(ctx, span, each); err != nil {
			return err
		}
	}
	return nil
}
