package event_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
)

// An identical retry without an id is the same event, in every version of the
// service and in any language: the vector was computed with Python's uuid module.
func TestDerivedIDIsFixed(t *testing.T) {
	var first, second event.Event
	require.NoError(t, event.DecodeJSON(object(required), &first))
	require.NoError(t, event.DecodeJSON(object(`"device":"ios",`+required), &second))
	assert.Equal(t, uuid.MustParse("efc99612-70e5-5304-9b52-019227e4ecae"), first.ID)
	assert.Equal(t, first.ID, second.ID)
}

// Events that differ in user, post, action or time have different ids.
func TestDerivedIDTellsEventsApart(t *testing.T) {
	base := wholeEvent()
	ids := map[uuid.UUID]bool{base.DerivedID(): true}
	for _, change := range []func(*event.Event){
		func(e *event.Event) { e.UserID[0]++ },
		func(e *event.Event) { e.PostID[0]++ },
		func(e *event.Event) { e.Action = event.Share },
		func(e *event.Event) { e.TimeMS++ },
	} {
		changed := base
		change(&changed)
		ids[changed.DerivedID()] = true
	}
	assert.Len(t, ids, 5)
}

// Both names of an action are read; ClickHouse has the long one.
func TestActionNames(t *testing.T) {
	for _, action := range []event.Action{event.View, event.Impression, event.Like, event.Comment, event.Share} {
		name := action.EventType()
		for _, text := range []string{name, name[len("post_"):]} {
			parsed, ok := event.ParseAction(text)
			assert.True(t, ok)
			assert.Equal(t, action, parsed)
		}
	}
	_, ok := event.ParseAction("post_post_view")
	assert.False(t, ok)
	assert.False(t, event.Action(0).IsKnown())
	assert.False(t, event.Action(6).IsKnown())
	assert.False(t, event.Action(-1).IsKnown())
	assert.Equal(t, "post_action_6", event.Action(6).EventType())
	assert.Equal(t, "post_action_1000", event.Action(1000).EventType())
}
