package consumer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

// A scan gives the records of its span and no others, in order, and ends with the
// caller's error or with one that says where it was.
func TestScan(t *testing.T) {
	cluster := startCluster(t, 2, posts)
	for range 3 { // three batches, so that a span begins and ends within one
		produce(cluster, posts, 2, 10)
	}
	access, err := broker.Open(broker.Config{
		Brokers: cluster.Brokers, ClientID: "test", DialTimeout: 2 * time.Second, Timeout: 5 * time.Second,
		SASL: broker.SASL{Mechanism: broker.None},
	})
	require.NoError(t, err)
	defer access.Close()
	scan := func(from, to int64) (offsets []int64, err error) {
		err = consumer.Scan(t.Context(), access, consumer.Span{Topic: posts, Partition: 1, From: from, To: to}, func(r *consumer.Record) error {
			assert.Equal(t, 1, r.Partition)
			offsets = append(offsets, r.Offset)
			return nil
		})
		return offsets, err
	}
	offsets, err := scan(5, 25)
	require.NoError(t, err)
	require.Len(t, offsets, 20)
	assert.Equal(t, []int64{5, 24}, []int64{offsets[0], offsets[19]})

	offsets, err = scan(7, 7)
	require.NoError(t, err)
	assert.Empty(t, offsets)

	stop := errors.New("enough")
	err = consumer.Scan(t.Context(), access, consumer.Span{Topic: posts, From: 0, To: 30}, func(*consumer.Record) error { return stop })
	assert.Equal(t, stop, err)

	cluster.Fail(kafkatest.Fault{Request: kafkatest.Fetch, Topic: posts, Code: 1, Times: 1})
	_, err = scan(0, 5)
	require.ErrorContains(t, err, "reading cdc.posts/1 at 0")
}
