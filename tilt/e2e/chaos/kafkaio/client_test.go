package kafkaio_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, cluster *kafkatest.Cluster) *kafkaio.Client {
	t.Helper()
	c := kafkaio.New(cluster.Brokers)
	t.Cleanup(c.Close)
	return c
}

// Records come back as they were appended, byte for byte, null and empty apart, and
// in order, from any offset up to any other.
func TestAppendAndRead(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: "t", Partitions: 3})
	c := client(t, cluster)
	var appended []kafkaio.Record
	for i := range 200 {
		appended = append(appended, kafkaio.Record{
			Topic: "t", Partition: 1, Key: fmt.Append(nil, i), Value: fmt.Append(nil, "value ", i),
			Headers: []kafkaio.Header{{Key: "h", Value: []byte("v")}},
		})
	}
	appended[3].Value, appended[3].Key, appended[3].Headers = nil, nil, nil
	appended[4].Value = []byte{}
	require.NoError(t, c.Append(t.Context(), append(appended, kafkaio.Record{Topic: "t", Partition: 2})))

	ends, err := c.Ends(t.Context(), "t")
	require.NoError(t, err)
	assert.Equal(t, []int64{0, 200, 1}, ends)
	got, err := c.Read(t.Context(), "t", 1, 2, 180)
	require.NoError(t, err)
	require.Len(t, got, 178)
	for i, record := range got {
		want := appended[i+2]
		want.Offset, want.Time = int64(i+2), record.Time
		assert.Equal(t, want, record)
	}
	committed, err := c.Committed(t.Context(), "nobody", "t", 3)
	require.NoError(t, err)
	assert.Equal(t, []int64{0, 0, 0}, committed)
}

// A call outlives a restart of the brokers, and ends with its context.
func TestRestart(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Topic{Name: "t", Partitions: 1})
	c := client(t, cluster)
	cluster.Stop()
	done := make(chan error, 1)
	go func() {
		done <- c.Append(t.Context(), []kafkaio.Record{{Topic: "t", Value: []byte("x")}})
	}()
	cluster.Restart()
	require.NoError(t, <-done)
	cluster.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Append(ctx, []kafkaio.Record{{Topic: "t"}}), context.DeadlineExceeded)
}
