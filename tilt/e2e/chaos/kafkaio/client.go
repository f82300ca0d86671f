package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	requestTimeout = 5 * time.Second
	retryAfter     = 50 * time.Millisecond
	// parallel is how many partitions are written at a time.
	parallel = 8
)

// Record is a record as it is on the wire; a nil Key or Value is null.
type Record struct {
	Topic     string
	Partition int
	// Offset and Time are set by Read and ignored by Append.
	Offset  int64
	Time    time.Time
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header is a header of a record.
type Header = kafka.Header

// Client talks to one cluster.
type Client struct {
	kafka     *kafka.Client
	transport *kafka.Transport
}

// New returns a client; it connects when it is used.
func New(brokers []string) *Client {
	transport := &kafka.Transport{MetadataTTL: time.Second, DialTimeout: 2 * time.Second}
	return &Client{
		kafka:     &kafka.Client{Addr: kafka.TCP(brokers...), Transport: transport, Timeout: requestTimeout},
		transport: transport,
	}
}

// Close ends the connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// persist calls until it succeeds or ctx ends.
func persist(ctx context.Context, what string, call func(context.Context) error) error {
	for {
		err := attempt(ctx, call)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(context.Cause(ctx), err))
		case <-time.After(retryAfter):
		}
	}
}

func attempt(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return call(ctx)
}

// AwaitBrokers returns when the cluster answers.
func (c *Client) AwaitBrokers(ctx context.Context) error {
	return persist(ctx, "waiting for the brokers", func(ctx context.Context) error {
		answer, err := c.kafka.Metadata(ctx, &kafka.MetadataRequest{})
		if err == nil && len(answer.Brokers) == 0 {
			err = errors.New("there is no broker")
		}
		return err
	})
}
