package stored_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/chtest"
	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/event/stored"
	"github.com/nova-data/nova/pkg/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What is stored is found by identity and post whatever its time, more of it than one
// query asks for; the same id at another time, or another id, is not.
func TestFind(t *testing.T) {
	server := chtest.Start(t)
	pool := servicetest.Migrate(t, server.Addr)
	writer, err := clickhouse.NewWriter(clickhouse.WriterConfig{MaxAge: time.Hour},
		clickhouse.WriterDeps{Pool: pool, Log: slog.New(slog.DiscardHandler), Meter: noop.Meter{}})
	require.NoError(t, err)
	var values []string
	var events []event.Event
	for i := range 1200 {
		e := event.Event{ID: uuid.New(), PostID: uuid.New(), TimeMS: time.Now().Add(-time.Duration(i) * time.Hour).UnixMilli()}
		events = append(events, e)
		if i%3 > 0 {
			values = append(values, fmt.Sprintf("('%s', 'post_view', fromUnixTimestamp64Milli(%d), '%s', '%s')", e.ID, e.TimeMS, e.PostID, e.PostID))
		}
	}
	server.Exec("INSERT INTO post_events (event_id, event_type, event_time, post_id, user_id) VALUES " + strings.Join(values, ","))
	other := events[1]
	other.TimeMS++
	events = append(events, other)

	found, err := stored.Find(t.Context(), writer, events)
	require.NoError(t, err)
	assert.Len(t, found, 800)
	for i := range 1200 {
		assert.Equal(t, i%3 > 0, found[stored.Of(&events[i])])
	}
	none, err := stored.Find(t.Context(), writer, nil)
	require.NoError(t, err)
	assert.Empty(t, none)
	server.Kill()
	_, err = stored.Find(t.Context(), writer, events[:1])
	require.ErrorContains(t, err, "looking events up in post_events")
}
