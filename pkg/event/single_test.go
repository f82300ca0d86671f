package event_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/event"
)

// One event by itself is the event that it would be in a batch, in both forms.
func TestSingleIsABatchOfOne(t *testing.T) {
	batched, err := event.DecodeJSONBatch([]byte(`{"events":[`+whole+`]}`), bounds())
	require.NoError(t, err)
	alone, err := event.DecodeJSONBody([]byte(whole), bounds())
	require.NoError(t, err)
	assert.Equal(t, batched, alone)
	again, err := event.DecodeJSONBody([]byte(`{"events":[`+whole+`]}`), bounds())
	require.NoError(t, err)
	assert.Equal(t, batched, again)

	encoded, err := event.DecodeProtobufSingle(alone[0].AppendProtobuf(nil), bounds())
	require.NoError(t, err)
	assert.Equal(t, batched, encoded)
}

// A value may nest as deep in an event by itself as in a batch.
func TestSingleNestsAsDeep(t *testing.T) {
	for depth, isTaken := range map[int]bool{32: true, 33: false} {
		nested := `{` + required + `,"attributes":{"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}}`
		_, err := event.DecodeJSONBody([]byte(nested), bounds())
		assert.Equal(t, isTaken, err == nil, err)
		_, err = event.DecodeJSONBody([]byte(`{"events":[`+nested+`]}`), bounds())
		assert.Equal(t, isTaken, err == nil, err)
	}
}

// A member "events" makes a batch of a body, wherever it stands; what is no object
// at all is told by its syntax. Bounds hold for one event as for many.
func TestSingleOrBatch(t *testing.T) {
	late := strings.Replace(required, "1764000000000", "1764000060001", 1)
	for name, test := range map[string]struct{ body, want string }{
		"events come last":   {`{"x":{"y":[1]},"events":[{` + required + `}]}`, "x must not be beside events"},
		"empty":              {`{}`, "event 0: ts is required; event 0: user_id is required"},
		"out of bounds":      {`{` + late + `}`, "event 0: ts must be from"},
		"not an object":      {`[` + whole + `]`, "must be JSON with a '{' at byte 0"},
		"cut":                {whole[:len(whole)-1], "must be JSON with"},
		"more behind":        {whole + whole, "must be JSON with nothing more at byte"},
		"an attribute twice": {`{` + required + `,"a":1,"a":2}`, "event 0: attributes.a must not be given twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := event.DecodeJSONBody([]byte(test.body), bounds())
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := event.DecodeProtobufSingle([]byte{0x0a}, bounds())
	require.ErrorContains(t, err, "must be a message of nova.events.v1")
	_, err = event.DecodeProtobufSingle(nil, bounds())
	require.ErrorContains(t, err, "ts is required")
}

// Whatever the bytes, both forms of a single event give an event or an error.
func FuzzSingle(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"events":[` + whole + `]}`))
	e := wholeEvent()
	f.Add(e.AppendProtobuf(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, decode := range []func([]byte, event.Bounds) ([]event.Event, error){event.DecodeJSONBody, event.DecodeProtobufSingle} {
			events, err := decode(body, bounds())
			var invalid *event.InvalidError
			if err == nil {
				assert.NotEmpty(t, events)
				continue
			}
			require.ErrorAs(t, err, &invalid)
			assert.NotEmpty(t, invalid.Problems)
		}
	})
}
