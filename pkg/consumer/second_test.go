package consumer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/consumer"
)

// finisher is a sink whose Finish answers as its test says.
type finisher struct {
	*sink

	finish func(ctx context.Context) error
	calls  atomic.Int64
}

func (f *finisher) Finish(ctx context.Context, topic string) error {
	f.calls.Add(1)
	if topic != posts {
		return errors.New("another topic")
	}
	return f.finish(ctx)
}

func finishing(finish func(ctx context.Context) error) (*sink, *finisher) {
	f := &finisher{finish: finish}
	f.sink = &sink{as: func(*sink) consumer.Handler { return f }}
	return f.sink, f
}

// While a batch is being finished later ones are handled; nothing is committed
// before it is, and then everything that was handled meanwhile is finished at
// once.
func TestFinishFollowsBehind(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	begun, let := make(chan struct{}), make(chan struct{})
	s, f := finishing(func(ctx context.Context) error {
		begun <- struct{}{}
		select {
		case <-let:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	want := produce(cluster, posts, 1, 1)
	start(t, cluster, testConfig(), s, posts)
	<-begun
	for range 5 {
		for value, count := range produce(cluster, posts, 1, 1) {
			want[value] += count
		}
		await(t, "later batches are handled", func() bool { return len(s.all()) == len(want) })
	}
	assert.Empty(t, cluster.Committed(group, posts))
	let <- struct{}{}
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 1})
	<-begun
	let <- struct{}{}
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 6})
	assert.EqualValues(t, 2, f.calls.Load())
}

// A Finish that fails, or panics, is called again and shown, with nothing
// committed; records that it has not finished come again to the next member.
func TestFailingFinishPauses(t *testing.T) {
	cluster := startCluster(t, 1, posts)
	want := produce(cluster, posts, 1, 3)
	var f *finisher
	s, f := finishing(func(context.Context) error {
		if f.calls.Load() == 1 {
			panic("a bug")
		}
		return errors.New("no room")
	})
	m := start(t, cluster, testConfig(), s, posts)
	await(t, "it is tried again", func() bool { return f.calls.Load() > 2 })
	assert.Equal(t, "handler: no room", m.health.degraded()[group+" cdc.posts finish"])
	m.stop()
	assert.Empty(t, cluster.Committed(group, posts))
	assert.Empty(t, m.health.degraded())

	next, _ := finishing(func(context.Context) error { return nil })
	start(t, cluster, testConfig(), next, posts)
	cluster.AwaitCommitted(group, posts, map[int]int64{0: 3})
	assert.Equal(t, want, counts(next))
}
