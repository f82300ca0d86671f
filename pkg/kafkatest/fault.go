package kafkatest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Request names a kind of request by its number in Kafka's protocol.
type Request int16

// The requests that tests interfere with.
const (
	Produce         Request = 0
	Fetch           Request = 1
	ListOffsets     Request = 2
	Metadata        Request = 3
	OffsetCommit    Request = 8
	OffsetFetch     Request = 9
	FindCoordinator Request = 10
	JoinGroup       Request = 11
	Heartbeat       Request = 12
	LeaveGroup      Request = 13
	SyncGroup       Request = 14
)

// Always is a number of times: until the cluster restarts.
const Always = -1

// errLost makes the cluster cut the connection instead of answering.
var errLost = errors.New("the answer is lost")

// Hits counts the requests that a fault has met.
type Hits struct{ n atomic.Int64 }

// Count returns the number so far.
func (h *Hits) Count() int { return int(h.n.Load()) }

// Fault says which requests Fail answers.
type Fault struct {
	Request Request
	// Topic and Partitions narrow the fault to entries of a request; the others
	// are carried out. Empty means all.
	Topic      string
	Partitions []int
	// Code is Kafka's error code.
	Code int16
	// Times is how many requests are answered so: 0 means one, or Always.
	Times int
}

// Fail answers requests with an error code and does not carry them out.
func (c *Cluster) Fail(f Fault) *Hits {
	c.tb.Helper()
	var code *kerr.Error
	require.ErrorAs(c.tb, kerr.ErrorForCode(f.Code), &code, "code %d is no error", f.Code)
	hits := &Hits{}
	fault := kfake.Fault{
		Keys:  []kmsg.Key{kmsg.Key(f.Request)},
		Topic: f.Topic,
		Err:   code,
		Count: f.Times,
		When: func(kmsg.Request) bool {
			hits.n.Add(1)
			return true
		},
	}
	for _, partition := range f.Partitions {
		fault.Partitions = append(fault.Partitions, int32(partition))
	}
	c.Fake().Fault(fault)
	return hits
}

// Drop cuts the connection of requests, times of them, which are neither
// answered nor carried out.
func (c *Cluster) Drop(request Request, times int) *Hits {
	fake, hits := c.Fake(), &Hits{}
	fake.ControlKey(int16(request), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if hits.n.Add(1) == int64(times) {
			fake.DropControl()
		}
		return nil, errLost, true
	})
	return hits
}

// DropLate carries the next request out and cuts its connection instead of
// answering. The channel yields nil when the request has taken effect, or why it
// has not.
func (c *Cluster) DropLate(request Request) <-chan error {
	landed := make(chan error, 1)
	fake := c.Fake()
	var isResent atomic.Bool
	fake.ControlKey(int16(request), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if isResent.Swap(true) {
			return nil, nil, false
		}
		address := c.Brokers[fake.CurrentNode()]
		// The cluster goes on meanwhile; the connection is cut afterwards, so that
		// nothing its client does then comes first.
		fake.SleepControl(func() { landed <- resend(address, r) })
		return nil, errLost, true
	})
	return landed
}

// resend sends a request as it is, on a connection of its own, and waits for
// the answer.
func resend(address string, request kmsg.Request) error {
	connection, err := (&net.Dialer{Timeout: Patience}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	if _, err := connection.Write(kmsg.NewRequestFormatter().AppendRequest(nil, request, 1)); err != nil {
		return err
	}
	_, err = io.ReadFull(connection, make([]byte, 4))
	return err
}

// Hold keeps the next request waiting until release is called, then carries it
// out.
func (c *Cluster) Hold(request Request) (held <-chan struct{}, release func()) {
	fake := c.Fake()
	arrived, released := make(chan struct{}), make(chan struct{})
	var taken atomic.Bool
	fake.ControlKey(int16(request), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.DropControl() // takes effect when this one is released
		if !taken.CompareAndSwap(false, true) {
			return nil, nil, false
		}
		close(arrived)
		fake.SleepControl(func() { <-released })
		return nil, nil, false
	})
	var once atomic.Bool
	release = func() {
		if once.CompareAndSwap(false, true) {
			close(released)
		}
	}
	c.tb.Cleanup(release)
	return arrived, release
}

// Delay makes every request of a kind take at least d from now on.
func (c *Cluster) Delay(request Request, d time.Duration) {
	fake := c.Fake()
	fake.ControlKey(int16(request), func(kmsg.Request) (kmsg.Response, error, bool) {
		fake.SleepControl(func() {
			timer := time.NewTimer(d)
			defer timer.Stop()
			<-timer.C
		})
		return nil, nil, false
	})
}

// Watch counts requests without interfering.
func (c *Cluster) Watch(request Request) *Hits {
	hits := &Hits{}
	c.Fake().ControlKey(int16(request), func(kmsg.Request) (kmsg.Response, error, bool) {
		hits.n.Add(1)
		return nil, nil, false
	})
	return hits
}
