package consumer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"github.com/nova-data/nova/pkg/broker"
)

// fetcher reads the log of one partition.
type fetcher interface {
	// fetch returns what follows position, waiting a bounded time for the first
	// record, and the offset after the log's last record. A kafka.Error says
	// that the broker refused.
	fetch(ctx context.Context, position int64) (c chunk, end int64, err error)
}

const (
	readCommitted = 1
	// correlationID may be a constant: a connection carries one request at a
	// time and is closed after any failure.
	correlationID    = 1
	maxFetchResponse = 512 << 20
)

// kafkaFetcher asks the partition's leader.
type kafkaFetcher struct {
	cluster   *broker.Cluster
	topic     string
	partition int
	maxBytes  int
	wait      time.Duration
	decoder   *batchDecoder
}

func newKafkaFetcher(cluster *broker.Cluster, cfg Config, topic string, partition int) *kafkaFetcher {
	return &kafkaFetcher{
		cluster:   cluster,
		topic:     topic,
		partition: partition,
		maxBytes:  cfg.FetchBytes,
		wait:      cfg.FetchWait,
		decoder:   newBatchDecoder(topic, partition),
	}
}

// with makes the fetcher decompress into memory that it shares with others.
func (f *kafkaFetcher) with(s *scratch) *kafkaFetcher {
	f.decoder.scratch = s
	return f
}

func (f *kafkaFetcher) fetch(ctx context.Context, position int64) (chunk, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, f.wait+f.cluster.Client().Timeout)
	defer cancel()
	// A request that ends with ctx may still be on its way, so it is not reused.
	answer, err := f.cluster.Transport().RoundTrip(ctx, f.cluster.Client().Addr, f.request(position))
	if err != nil {
		return chunk{}, 0, fmt.Errorf("fetching: %w", err)
	}
	response, ok := answer.(*fetchResponse)
	if !ok {
		return chunk{}, 0, fmt.Errorf("fetching: unexpected answer %T", answer)
	}
	partition, err := parseFetchResponse(response.data, response.version)
	if err != nil {
		return chunk{}, 0, fmt.Errorf("reading a fetch answer: %w", err)
	}
	if partition.code != 0 {
		return chunk{}, 0, fmt.Errorf("fetching: %w", partition.code)
	}
	c, err := f.decoder.decode(partition.batches, position, partition.aborted)
	return c, partition.highWatermark, err
}

func (f *kafkaFetcher) request(position int64) *fetchRequest {
	return &fetchRequest{
		clientID: f.cluster.Transport().ClientID,
		Request: fetch.Request{
			ReplicaID:      -1,
			MaxWaitTime:    int32(f.wait.Milliseconds()),
			MinBytes:       1,
			MaxBytes:       int32(f.maxBytes),
			IsolationLevel: readCommitted,
			SessionEpoch:   -1, // no session
			Topics: []fetch.RequestTopic{{
				Topic: f.topic,
				Partitions: []fetch.RequestPartition{{
					Partition:          int32(f.partition),
					CurrentLeaderEpoch: -1,
					FetchOffset:        position,
					LogStartOffset:     -1,
					PartitionMaxBytes:  int32(f.maxBytes),
				}},
			}},
		},
	}
}

// fetchRequest is a fetch whose answer is left as bytes. The client's own
// decoder drops what says where an empty batch ends, loses records it cannot
// read, and copies every record.
type fetchRequest struct {
	fetch.Request

	clientID string
	version  int16
}

// Required implements protocol.RawExchanger; it is called just before
// RawExchange with the versions of the connection.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

// RawExchange implements protocol.RawExchanger.
func (r *fetchRequest) RawExchange(connection io.ReadWriter) (protocol.Message, error) {
	if err := protocol.WriteRequest(connection, r.version, correlationID, r.clientID, &r.Request); err != nil {
		return nil, fmt.Errorf("sending a fetch: %w", err)
	}
	var head [8]byte
	if _, err := io.ReadFull(connection, head[:]); err != nil {
		return nil, fmt.Errorf("awaiting a fetch: %w", err)
	}
	size := int(int32(binary.BigEndian.Uint32(head[:4]))) - 4
	if size < 0 || size > maxFetchResponse {
		return nil, fmt.Errorf("fetch answer of %d bytes", size)
	}
	if id := binary.BigEndian.Uint32(head[4:]); id != correlationID {
		return nil, fmt.Errorf("answer %d to request %d", id, correlationID)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(connection, data); err != nil {
		return nil, fmt.Errorf("receiving a fetch: %w", err)
	}
	return &fetchResponse{version: r.version, data: data}, nil
}

// fetchResponse is an answer as it came.
type fetchResponse struct {
	version int16
	data    []byte
}

// ApiKey implements protocol.Message.
//
//nolint:revive // the interface's name
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

var (
	_ protocol.RawExchanger  = (*fetchRequest)(nil)
	_ protocol.BrokerMessage = (*fetchRequest)(nil)
	_ kafka.Response         = (*fetchResponse)(nil)
)
