package chaos_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/clustertest"
	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
	"github.com/nova-data/nova/tilt/e2e/chaos/workload"
)

const (
	bodyEvents = 10
	// posters bounds the requests that wait for an answer, dead ones included.
	posters = 256
	// killEvery is how long the service lives.
	killEvery = 2 * time.Second
	// patience is how long a client repeats a body.
	patience = 2 * time.Minute
)

// outcome is what a client knows of a body.
type outcome int32

const (
	unknown  outcome = iota // it gave up after an attempt without a 202
	accepted                // by the first attempt
	repeated                // accepted after at least one attempt without an answer of 202
)

// clients post bodies at a rate, whatever the service does.
type clients struct {
	url  string
	http *http.Client
	rate int // bodies a second

	mu       sync.Mutex
	outcomes []outcome // by body
	next     atomic.Int64
	refusal  atomic.Pointer[string]
}

// run posts until ctx ends, and then until every client is done.
func (c *clients) run(ctx context.Context) {
	began := time.Now()
	var workers sync.WaitGroup
	for range posters {
		workers.Go(func() {
			for {
				n := c.next.Add(1) - 1
				select {
				case <-time.After(time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(c.rate)))):
				case <-ctx.Done():
					return
				}
				if ctx.Err() != nil {
					return
				}
				c.deliver(context.WithoutCancel(ctx), n)
			}
		})
	}
	workers.Wait()
}

// deliver posts a body until it is accepted; every fiftieth client gives up after one
// attempt.
func (c *clients) deliver(ctx context.Context, n int64) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, o := bodyOf(n), accepted
	for ; !c.post(ctx, body); o = repeated {
		if n%50 == 0 || ctx.Err() != nil {
			o = unknown
			break
		}
		<-time.After(retryAfter)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for int64(len(c.outcomes)) <= n {
		c.outcomes = append(c.outcomes, unknown)
	}
	c.outcomes[n] = o
}

func (c *clients) post(ctx context.Context, body []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if response.StatusCode >= http.StatusBadRequest && response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusTooManyRequests {
		text := fmt.Sprintf("status %d: %s", response.StatusCode, answer)
		c.refusal.Store(&text)
	}
	// An answer that is cut off is none.
	return err == nil && response.StatusCode == http.StatusAccepted
}

// bodyOf is the n-th body, its number in each event's dwell_ms.
func bodyOf(n int64) []byte {
	at := time.Now().UnixMilli()
	body := bytes.NewBufferString(`{"events":[`)
	for i := range bodyEvents {
		id := uuid.UUID{6: 0x40, 7: byte(i), 8: 0x80}
		binary.BigEndian.PutUint32(id[:], uint32(n))
		user := id
		binary.BigEndian.PutUint32(user[12:], uint32(n))
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(body, `{"event_id":%q,"ts":%d,"user_id":%q,"post_id":%q,"action":"view","dwell_ms":%d}`, id, at, user, user, n)
	}
	body.WriteString(`]}`)
	return body.Bytes()
}

// Every event of a 202 is stored once, in the table and in the sums of its views,
// though events-ingest is killed again and again under load and the clients repeat
// what was not answered; of a body that a client gave up, no event is stored twice.
//
// It runs on Apache Kafka: the fake keeps a member for ever that is killed while it
// joins.
func TestKilledWhileAccepting(t *testing.T) {
	seconds := number(t, "CHAOS_LOAD_SECONDS", 5)
	cluster := clustertest.Start(t, clustertest.Options{
		Kafka: clustertest.Apache, Services: map[string]int{schedule.EventsIngest: 1},
	})
	instance := cluster.Replicas(schedule.EventsIngest)[0]
	transport := &http.Transport{MaxIdleConnsPerHost: posters}
	defer transport.CloseIdleConnections()
	c := &clients{url: "http://" + instance.HTTP + "/v1/events", http: &http.Client{Transport: transport}, rate: 3000}

	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	began, done := time.Now(), make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx)
	}()
	kills := 0
	for ctx.Err() == nil {
		select {
		case <-time.After(killEvery):
			instance.Process().Kill()
			kills++
		case <-ctx.Done():
		}
	}
	<-done
	took := time.Since(began)
	if refusal := c.refusal.Load(); refusal != nil {
		t.Fatal("the API refuses events: ", *refusal)
	}
	counts := map[outcome]int64{}
	for _, o := range c.outcomes {
		counts[o]++
	}
	t.Logf("%d kills; %d bodies of %d events accepted by their first attempt, %d by a repeated one, %d given up; %.0f bodies/s",
		kills, counts[accepted], bodyEvents, counts[repeated], counts[unknown], float64(len(c.outcomes))/took.Seconds())
	require.Positive(t, counts[repeated], "no kill was felt")
	c.requireOnce(t, cluster, (counts[accepted]+counts[repeated])*bodyEvents)
}

// requireOnce holds what is stored against what the clients know.
func (c *clients) requireOnce(t *testing.T, cluster *clustertest.Cluster, known int64) {
	t.Helper()
	l := &loaded{t: t, cluster: cluster}
	kafka := kafkaio.New(cluster.Kafka.Brokers())
	defer kafka.Close()
	ends, err := kafka.Ends(t.Context(), workload.Topic)
	require.NoError(t, err)
	l.await("everything on Kafka is done with", func() bool {
		committed, err := kafka.Committed(t.Context(), "nova-events-ingest", workload.Topic, len(ends))
		return err == nil && slices.Equal(committed, ends)
	})
	total := l.stored()
	assert.GreaterOrEqual(t, total, known)
	for _, sql := range []string{"SELECT uniqExact(event_id) FROM post_events", "SELECT sum(views) FROM post_engagement_hourly"} {
		assert.Equal(t, total, l.number(sql), sql)
	}
	rows, err := cluster.ClickHouse.Do(t.Context(), "SELECT dwell_ms, count() FROM post_events GROUP BY dwell_ms", nil)
	require.NoError(t, err)
	stored := map[int]int{}
	for input := bytes.NewBufferString(rows); ; {
		var body, events int
		if _, err := fmt.Fscan(input, &body, &events); err != nil {
			break
		}
		stored[body] = events
	}
	for n, o := range c.outcomes {
		if o != unknown && stored[n] != bodyEvents {
			t.Errorf("body %d was accepted, and has %d rows", n, stored[n])
		}
	}
	assert.LessOrEqual(t, len(stored), len(c.outcomes))
}
