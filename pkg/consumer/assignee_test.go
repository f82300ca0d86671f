package consumer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/kafkatest"
)

// assignee is a sink that keeps what it is told of its assignment.
type assignee struct {
	*sink

	told chan<- string
}

func (a *assignee) Assigned(shares map[string]consumer.Share) {
	a.told <- fmt.Sprint("assigned ", shares)
}

func (a *assignee) CaughtUp() { a.told <- fmt.Sprint("caught up with ", len(a.all())) }

func (a *assignee) Revoked() { a.told <- "revoked" }

// tell makes a sink an assignee that says so on told.
func tell(told chan<- string) func(*sink) consumer.Handler {
	return func(s *sink) consumer.Handler { return &assignee{sink: s, told: told} }
}

// fromStart is testConfig for a service whose state is the topic.
func fromStart() settings {
	cfg := testConfig()
	cfg.Positions = consumer.FromStart()
	return cfg
}

// A member that reads from the start gets every record again on each assignment,
// whatever is committed; it is told once when it has caught up with what was
// there, and its commits show that it has.
func TestFromStartReadsEverythingAgain(t *testing.T) {
	cluster := startCluster(t, 2, posts)
	produce(cluster, posts, 1, 3) // partition 1 stays empty
	for range 2 {
		told := make(chan string, 9)
		m := start(t, cluster, fromStart(), &sink{as: tell(told)}, posts)
		assert.Equal(t, "assigned map[cdc.posts:{[0 1] 2}]", <-told)
		assert.Equal(t, "caught up with 3", <-told)
		cluster.AwaitCommitted(group, posts, map[int]int64{0: 3})
		m.stop()
		assert.Equal(t, "revoked", <-told)
		assert.Empty(t, told)
	}
}

// Compaction and transaction markers leave no record at the end of a log; a
// member catches up all the same.
func TestCatchesUpWithoutARecordAtTheEnd(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	cluster.ProduceTransaction(true, kafkatest.Record{Topic: posts, Value: []byte("kept")})
	cluster.ProduceTransaction(false, kafkatest.Record{Topic: posts, Value: []byte("aborted")})
	told := make(chan string, 9)
	start(t, cluster, fromStart(), &sink{as: tell(told)}, posts)
	assert.Equal(t, "assigned map[cdc.posts:{[0] 1}]", <-told)
	assert.Equal(t, "caught up with 1", <-told)
}

// Nothing to read is caught up with at once, and a rebalance ends one assignment
// before it begins the next.
func TestAssignmentsFollowEachOther(t *testing.T) {
	cluster := startCluster(t, 2, posts)
	told := make(chan string, 9)
	start(t, cluster, fromStart(), &sink{as: tell(told)}, posts)
	assert.Equal(t, "assigned map[cdc.posts:{[0 1] 2}]", <-told)
	assert.Equal(t, "caught up with 0", <-told)
	start(t, cluster, fromStart(), &sink{}, posts)
	assert.Equal(t, "revoked", <-told)
	assert.Regexp(t, `^assigned map\[cdc.posts:\{\[[01]\] 2\}\]$`, <-told)
	assert.Equal(t, "caught up with 0", <-told)
}
