package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nova-data/nova/pkg/broker"
)

const (
	scanBytes = 1 << 20
	scanWait  = 500 * time.Millisecond
	// scanPatience is how long a scan may find nothing where records should be: a
	// transaction that is open, or a replica that is behind.
	scanPatience = 30 * time.Second
)

// Span is a part of a partition: the offsets from From up to, and without, To.
type Span struct {
	Topic     string
	Partition int
	From, To  int64
}

// Scan calls each with the committed records of a span, in their order, outside of
// any group. A record is valid until each returns, whose error ends the scan and is
// returned as it is. Offsets that hold no record are passed over. Nothing is retried:
// any other error says which partition could not be read, and where.
func Scan(ctx context.Context, cluster *broker.Cluster, span Span, each func(*Record) error) error {
	from := newKafkaFetcher(cluster, Config{FetchBytes: scanBytes, FetchWait: scanWait}, span.Topic, span.Partition)
	since := time.Now()
	for at := span.From; at < span.To; {
		c, _, err := protectedFetch(ctx, from, at)
		if err == nil && c.next <= at && time.Since(since) > scanPatience {
			err = errors.New("there are no records where some should be: is a transaction open?")
		}
		if err != nil {
			return fmt.Errorf("reading %s/%d at %d: %w", span.Topic, span.Partition, at, err)
		}
		for i := range c.records {
			if c.records[i].Offset >= span.To {
				return nil
			}
			if err := each(&c.records[i]); err != nil {
				return err
			}
		}
		if c.next > at {
			at, since = c.next, time.Now()
		}
	}
	return nil
}
