package cdcingest_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/pkg/servicetest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/cdctest"
	"github.com/nova-data/nova/services/cdc-ingest/internal/ingest"
)

// With CDC_POST_EVENTS a like that is created is an event, under an id that is the
// same whenever it is published; one that a snapshot reads, that is changed or
// deleted, or of a table that is not named, is none. Without it there are no events.
func TestPostEvents(t *testing.T) {
	t.Setenv("CDC_POST_EVENTS", "likes")
	e := migrated(t)
	service := servicetest.Start(t)
	created := likes(0, 3)
	e.produce("likes", created...)
	e.produce("likes", cdctest.Change{Op: "r", Table: "likes", LSN: 8000, After: likeRow(4)}.Record("4"),
		cdctest.Change{Op: "u", Table: "likes", LSN: 8008, Before: likeRow(4), After: likeRow(4)}.Record("4"),
		cdctest.Change{Op: "d", Table: "likes", LSN: 8016, Before: likeRow(4)}.Record("4"),
		cdctest.Change{Op: "c", Table: "likes", LSN: 8024, After: likeAt(5, "infinity")}.Record("5"))
	e.produce("comments", cdctest.Capture(t, "comments")...)
	e.awaitCommits("likes", "comments")
	service.Stop()
	e.readAgain("likes")
	servicetest.Start(t)
	e.awaitCommits("likes")

	seen := map[uuid.UUID]int{}
	for _, record := range e.kafka.Records("events") {
		var got event.Event
		require.NoError(t, event.DecodeRecord(record.Value, []byte(event.ContentTypeProtobuf), &got))
		assert.Equal(t, event.Like, got.Action)
		assert.Equal(t, got.UserID.String(), string(record.Key))
		assert.Equal(t, int64(1_767_225_600_000), got.TimeMS)
		seen[got.ID]++
	}
	want := map[uuid.UUID]int{}
	for n := range created {
		want[ingest.EventID("likes", likeID(n))] = 2
	}
	assert.Equal(t, want, seen)
}
