package cdc

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

const (
	freshFor    = 20 * time.Second
	freshTick   = 10 * time.Millisecond
	perTick     = 10 // changes: 1 000 a second
	probeEvery  = 5  // ticks
	lookEvery   = 20 * time.Millisecond
	targetHalf  = time.Second // architecture: numbers to reach
	targetWorst = 2500 * time.Millisecond
)

// probe is a row whose way is timed.
type probe struct{ committed, captured, produced, shown time.Time }

// At a thousand changes a second a row can be queried soon after its commit; the
// connector's share of the time is printed beside the whole.
func testFreshness(t *testing.T, w *world) {
	t.Helper()
	post := w.post(t, w.user(t))
	w.check(t)
	w.restartIngest(t, func() {}, "BATCH_AGE=500ms", "FETCH_WAIT=500ms") // the defaults
	defer w.restartIngest(t, func() {})
	from := w.ends(t, "cdc.posts")
	probes := &probes{of: map[string]*probe{}}
	ctx, stop := context.WithCancel(t.Context())
	looking := make(chan struct{})
	go func() {
		defer close(looking)
		probes.look(ctx, w)
	}()
	count := w.write(t, probes, post)
	stacktest.Await(t, recordWithin, probes.allShown, func() string { return "some rows are never shown" })
	stop()
	<-looking
	w.readTimes(t, probes, from)

	of := func(name string, begin, end func(*probe) time.Time) (half, worst time.Duration) {
		var all []time.Duration
		for _, p := range probes.of {
			all = append(all, end(p).Sub(begin(p)))
		}
		slices.Sort(all)
		half, worst = all[len(all)/2], all[len(all)*99/100]
		t.Logf("%-46s p50 %7v  p99 %7v", name, half.Round(time.Millisecond), worst.Round(time.Millisecond))
		return half, worst
	}
	committed, shown := func(p *probe) time.Time { return p.committed }, func(p *probe) time.Time { return p.shown }
	captured, produced := func(p *probe) time.Time { return p.captured }, func(p *probe) time.Time { return p.produced }
	t.Logf("%d changes in %v, %d rows timed", count, freshFor, len(probes.of))
	of("commit → connector has read it", committed, captured)
	of("commit → handed to Kafka (Debezium's share)", committed, produced)
	of("handed to Kafka → queryable", produced, shown)
	half, worst := of("commit → queryable", committed, shown)
	t.Logf("targets: p50 %v, reached %t; p99 %v, reached %t", targetHalf, half <= targetHalf, targetWorst, worst <= targetWorst)
}

// write inserts posts at a steady rate, some of them probes.
func (w *world) write(t *testing.T, probes *probes, post string) (count int) {
	t.Helper()
	ticker := time.NewTicker(freshTick)
	defer ticker.Stop()
	began := time.Now()
	for tick := 0; time.Since(began) < freshFor; tick++ {
		<-ticker.C
		for due := int(time.Since(began)/freshTick) * perTick; count < due; count += perTick {
			id := uuid.NewString()
			w.exec(t, `INSERT INTO posts (id, user_id, image_key) SELECT CASE i WHEN 1 THEN $1::uuid ELSE gen_random_uuid() END, user_id, 'img/f.jpg'
				FROM posts, generate_series(1, $3::int) i WHERE id = $2`, id, post, perTick)
			if tick%probeEvery == 0 {
				probes.add(id, time.Now())
			}
		}
	}
	return count
}

// readTimes adds when the connector read each probe, and handed it to Kafka.
func (w *world) readTimes(t *testing.T, probes *probes, from []int64) {
	t.Helper()
	for _, r := range w.records(t, "cdc.posts", from) {
		var key struct {
			ID string `json:"id"`
		}
		var change struct {
			TimestampMillis int64 `json:"ts_ms"`
		}
		require.NoError(t, json.Unmarshal(r.Key, &key))
		if p := probes.of[key.ID]; p != nil && p.captured.IsZero() {
			require.NoError(t, json.Unmarshal(r.Value, &change))
			p.captured, p.produced = time.UnixMilli(change.TimestampMillis), r.Time
		}
	}
}

// probes are the rows on their way; add and look run at once.
type probes struct {
	mu  sync.Mutex
	of  map[string]*probe
	due []string
}

func (p *probes) add(id string, committed time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of[id] = &probe{committed: committed}
	p.due = append(p.due, id)
}

func (p *probes) allShown() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.due) == 0
}

// look asks for the rows on their way until ctx ends.
func (p *probes) look(ctx context.Context, w *world) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		asked := "'" + strings.Join(p.due, "','") + "'"
		p.mu.Unlock()
		if asked == "''" {
			continue
		}
		text, err := w.stack.ClickHouse(fmt.Sprintf("SELECT toString(id) FROM posts WHERE id IN (%s)", asked))
		if err != nil {
			continue
		}
		p.note(text, time.Now())
	}
}

func (p *probes) note(ids string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range strings.FieldsSeq(ids) {
		if found := p.of[id]; found.shown.IsZero() {
			found.shown = now
			p.due = slices.DeleteFunc(p.due, func(due string) bool { return due == id })
		}
	}
}
