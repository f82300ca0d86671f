package servicetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/kafkatest"
)

// Await polls until done returns true, in the goroutine of the test, so that done
// may fail it.
func Await(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	deadline, tick := time.After(kafkatest.Patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			require.Fail(tb, "gave up waiting", what)
		case <-tick.C:
		}
	}
}

// AwaitCommits waits until a group has committed every record of the topics, and
// nothing for the partitions without any.
func AwaitCommits(tb testing.TB, kafka *kafkatest.Cluster, group string, topics ...string) {
	tb.Helper()
	for _, topic := range topics {
		ends := kafka.Ends(topic)
		for partition, end := range ends {
			if end == 0 {
				delete(ends, partition)
			}
		}
		kafka.AwaitCommitted(group, topic, ends)
	}
}
