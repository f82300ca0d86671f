package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/chaos/schedule"
)

// Inserts depend on members, not on partitions: with 48 of these, two members and a
// linger of one second, post_events gets at most six inserts a second.
//
// CHAOS_LOAD_SECONDS is how long that is measured, here and below.
func TestInsertsPerSecond(t *testing.T) {
	const most = 6
	seconds := number(t, "CHAOS_LOAD_SECONDS", 10)
	l := newLoaded(t, 5000, "BATCH_AGE=1s")
	blocks, rows := l.blocks()
	began := time.Now()
	<-time.After(time.Duration(seconds) * time.Second)
	moreBlocks, moreRows := l.blocks()
	elapsed := time.Since(began).Seconds()
	perSecond := float64(moreBlocks-blocks) / elapsed
	t.Logf("%d partitions, two members: %.1f inserts/s, %.0f rows/s, mean %.0f rows a block",
		loadPartitions, perSecond, float64(moreRows-rows)/elapsed, float64(moreRows-rows)/float64(max(1, moreBlocks-blocks)))
	l.requireExact()
	assert.LessOrEqual(t, perSecond, float64(most))
}

// blocks counts the parts, of which each insert makes one in this month, and rows.
func (l *loaded) blocks() (parts, rows int64) {
	l.t.Helper()
	text := l.cluster.ClickHouse.Query("SELECT count(), sum(rows) FROM system.parts WHERE table = 'post_events' AND database = 'nova' AND active")
	_, err := fmt.Sscan(text, &parts, &rows)
	require.NoError(l.t, err)
	return parts, rows
}

// A small load is no reason for waiting: at 200 events a second and the same linger,
// an event can be queried within two seconds of its acceptance.
func TestFreshness(t *testing.T) {
	const within = 2 * time.Second
	probes := number(t, "CHAOS_LOAD_SECONDS", 10) * 2
	l := newLoaded(t, 200, "BATCH_AGE=1s")
	var took []time.Duration
	for range probes {
		id := uuid.New()
		body := fmt.Appendf(nil, `{"events":[{"event_id":%q,"ts":%d,"user_id":%q,"post_id":%q,"action":"impression","app_ver":"probe"}]}`,
			id, time.Now().UnixMilli(), uuid.New(), uuid.New())
		status, answer := l.cluster.Replicas(schedule.EventsIngest)[0].Call(context.Background(), http.MethodPost, "/v1/events", body)
		require.Equal(t, http.StatusAccepted, status, answer)
		began := time.Now()
		l.await("the event", func() bool {
			return l.number(fmt.Sprintf("SELECT count() FROM post_events WHERE app_ver = 'probe' AND event_id = '%s'", id)) == 1
		})
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("200 events/s: accepted to queryable p50 %v, p95 %v, longest %v",
		took[len(took)/2], took[len(took)*95/100], took[len(took)-1])
	if isMeasured() {
		assert.Less(t, took[len(took)-1], within)
	}
}
