package event_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/nova-data/nova/pkg/event"
	eventsv1 "github.com/nova-data/nova/proto/nova/events/v1"
)

// survives requires that a decoded event reads the same after an encoding.
func survives(t *testing.T, decoded event.Event) {
	t.Helper()
	encoded := decoded.AppendProtobuf(nil)
	again := event.Event{Attributes: []event.Attribute{}}
	require.NoError(t, event.DecodeProtobuf(encoded, &again))
	if decoded.Attributes == nil {
		decoded.Attributes = []event.Attribute{}
	}
	require.Equal(t, decoded, again)
}

// Whatever the bytes: no panic, nothing taken that is not JSON, and what is taken
// survives the way through Kafka.
func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(object(required))
	f.Add(object(required + `,"device_id":{"a": 1}`))
	f.Add([]byte(`{"a":[{"b":"\ud83d\ude00"},-0.5e+7,true,false,null],"\u0061":1}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		var decoded event.Event
		if err := event.DecodeJSON(record, &decoded); err == nil {
			assert.True(t, json.Valid(record))
			survives(t, decoded)
		} else {
			var invalid *event.InvalidError
			require.ErrorAs(t, err, &invalid)
			assert.NotEmpty(t, invalid.Problems)
			if invalid.IsSyntax && json.Valid(record) { // the two things encoding/json lets pass
				assert.Regexp(t, "^must be (UTF-8|JSON with no value nested)", invalid.Problems[0].Rule)
			}
		}
	})
}

// A body of any bytes: no panic, and never events beside an error.
func FuzzDecodeJSONBatch(f *testing.F) {
	f.Add([]byte(`{"events":[` + whole + `]}`))
	f.Add([]byte(`{"events":[{` + required + `},{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := event.DecodeJSONBatch(body, bounds())
		if err != nil {
			require.Nil(t, events)
			return
		}
		require.NotEmpty(t, events)
		for _, e := range events {
			survives(t, e)
		}
	})
}

// Whatever the bytes: no panic, nothing taken that the generated code refuses,
// and what is taken survives an encoding.
func FuzzDecodeProtobuf(f *testing.F) {
	e := wholeEvent()
	f.Add(e.AppendProtobuf(nil))
	f.Add([]byte{0x0b, 0x0c})
	e.Action = 9 // of the future, as is field 99, in both its types
	f.Add(append(e.AppendProtobuf(nil), "\x98\x06\x01\x9a\x06\x01x"...))
	f.Fuzz(func(t *testing.T, record []byte) {
		var decoded event.Event
		if event.DecodeProtobuf(record, &decoded) != nil {
			return
		}
		require.NoError(t, proto.Unmarshal(record, &eventsv1.Event{}))
		survives(t, decoded)
	})
}

// A body of any bytes: no panic, and never events beside an error.
func FuzzDecodeProtobufBatch(f *testing.F) {
	f.Add(marshal(f, &eventsv1.EventBatch{Events: []*eventsv1.Event{message(wholeEvent())}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := event.DecodeProtobufBatch(body, bounds())
		require.Equal(t, err == nil, len(events) > 0)
	})
}

// Shared or not, a record decodes to the same event, or to the same error.
func FuzzDecodeShared(f *testing.F) {
	e := wholeEvent()
	f.Add(e.AppendProtobuf(nil), event.ContentTypeProtobuf)
	f.Add([]byte(whole), event.ContentTypeJSON)
	f.Fuzz(func(t *testing.T, value []byte, contentType string) {
		var copied, shared event.Event
		err := event.DecodeRecord(value, []byte(contentType), &copied)
		require.Equal(t, err, event.DecodeShared(value, []byte(contentType), &shared))
		require.Equal(t, copied, shared)
	})
}
