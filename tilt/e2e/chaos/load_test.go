package chaos_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

// load sends unique events straight to Kafka at a rate, and knows how many.
type load struct {
	kafka      *kafkaio.Client
	partitions int
	rate       int // events a second

	mu   sync.Mutex
	sent int64
	err  error
	stop context.CancelFunc
	done chan struct{}
}

const loadTick = 100 * time.Millisecond

func (l *load) start(ctx context.Context) {
	ctx, l.stop = context.WithCancel(ctx)
	l.done = make(chan struct{})
	go func() {
		defer close(l.done)
		ticker := time.NewTicker(loadTick)
		defer ticker.Stop()
		began := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			due := int64(time.Since(began).Seconds() * float64(l.rate))
			n := due - l.count()
			if err := l.kafka.Append(context.WithoutCancel(ctx), l.records(n)); err != nil {
				l.err = err
				return
			}
			l.mu.Lock()
			l.sent = due
			l.mu.Unlock()
		}
	}()
}

// end stops sending and returns how many events were sent.
func (l *load) end() (int64, error) {
	l.stop()
	<-l.done
	return l.count(), l.err
}

func (l *load) count() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// records makes n unique events, all of them views.
func (l *load) records(n int64) []kafkaio.Record {
	records := make([]kafkaio.Record, 0, n)
	for i := range n {
		id := uuid.New()
		user := id
		binary.BigEndian.PutUint32(user[:], uint32(i))
		e := event.Event{ID: id, TimeMS: time.Now().UnixMilli(), UserID: user, PostID: user, Action: event.View, DwellMS: 1, Device: "load", AppVersion: "load"}
		records = append(records, kafkaio.Record{
			Topic: workload.Topic, Partition: int(i) % l.partitions, Key: []byte(user.String()), Value: e.AppendProtobuf(nil),
			Headers: []kafkaio.Header{{Key: event.HeaderContentType, Value: []byte(event.ContentTypeProtobuf)}},
		})
	}
	return records
}

// loaded is a cluster of two members under load.
type loaded struct {
	t       *testing.T
	cluster *clustertest.Cluster
	kafka   *kafkaio.Client
	load    *load
}

const (
	loadPartitions = 48
	// settled is how long two members take to share the partitions.
	settled = 5 * time.Second
)

func newLoaded(t *testing.T, rate int, env ...string) *loaded {
	t.Helper()
	cluster := clustertest.Start(t, clustertest.Options{
		Kafka: clustertest.Fake, Services: map[string]int{schedule.EventsIngest: 2}, Env: env,
		Topics: []kafkatest.Topic{{Name: workload.Topic, Partitions: loadPartitions}},
	})
	kafka := kafkaio.New(cluster.Kafka.Brokers())
	t.Cleanup(kafka.Close)
	l := &loaded{t: t, cluster: cluster, kafka: kafka, load: &load{kafka: kafka, partitions: loadPartitions, rate: rate}}
	l.load.start(context.WithoutCancel(t.Context()))
	t.Cleanup(func() { _, _ = l.load.end() })
	l.await("the first rows", func() bool { return l.stored() > 0 })
	<-time.After(settled)
	return l
}

// isMeasured reports whether the machine is there for the measurement alone. If not,
// times are printed and prove nothing.
func isMeasured() bool { return os.Getenv("CHAOS_LOAD_SECONDS") != "" }

func (l *loaded) await(what string, done func() bool) {
	l.t.Helper()
	require.Eventually(l.t, done, 2*time.Minute, 50*time.Millisecond, what)
}

// number runs a query for one number, which is -1 when there is no answer.
func (l *loaded) number(sql string) int64 {
	text, err := l.cluster.ClickHouse.Do(context.Background(), sql, nil)
	if err != nil {
		return -1
	}
	var n int64
	if _, err := fmt.Sscan(text, &n); err != nil {
		return -1
	}
	return n
}

func (l *loaded) stored() int64 { return l.number("SELECT count() FROM post_events") }

// requireExact stops the load and requires that all of it is stored once, in the base
// table and in the views.
func (l *loaded) requireExact() {
	l.t.Helper()
	sent, err := l.load.end()
	require.NoError(l.t, err)
	l.await(fmt.Sprintf("all %d events are stored", sent), func() bool { return l.stored() >= sent })
	for _, sql := range []string{
		"SELECT count() FROM post_events", "SELECT uniqExact(event_id) FROM post_events",
		"SELECT sum(views) FROM post_engagement_hourly", "SELECT sum(dwell) FROM post_engagement_minutely",
	} {
		require.Equal(l.t, sent, l.number(sql), sql)
	}
}
