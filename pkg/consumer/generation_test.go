package consumer

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/stretchr/testify/assert"
)

// partitioned answers requests for metadata: each topic has so many partitions.
type partitioned map[string]int

func (p partitioned) RoundTrip(context.Context, net.Addr, kafka.Request) (kafka.Response, error) {
	response := &metadata.Response{}
	for name, count := range p {
		response.Topics = append(response.Topics, metadata.ResponseTopic{
			Name: name, Partitions: make([]metadata.ResponsePartition, count),
		})
	}
	return response, nil
}

// Partitions that are added while a generation forms, too late for its leader to
// assign them, end it like those that are added later.
func TestPartitionsAddedWhileJoiningEndTheGeneration(t *testing.T) {
	g := &generation{
		Consumer: &Consumer{
			deps:       Deps{Topics: []string{"cdc.posts"}},
			partitions: map[string]int{"cdc.posts": 1},
		},
		lookup: &offsetLookup{client: &kafka.Client{Addr: kafka.TCP("unused:1"), Transport: partitioned{"cdc.posts": 3}}},
		log:    slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	g.watchPartitions(ctx, stop)
	assert.Error(t, ctx.Err())
	assert.Equal(t, map[string]int{"cdc.posts": 3}, g.partitions)
}
