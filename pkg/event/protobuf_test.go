package event_test

import (
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/nova-data/nova/pkg/event"
	eventsv1 "github.com/nova-data/nova/proto/nova/events/v1"
)

// message is an event as a client with the generated code builds it.
func message(e event.Event) *eventsv1.Event {
	m := &eventsv1.Event{
		EventId: e.ID[:], TsMs: e.TimeMS, UserId: e.UserID[:], PostId: e.PostID[:],
		Action: eventsv1.Action(e.Action), DwellMs: e.DwellMS, Device: e.Device, AppVer: e.AppVersion, DeviceId: e.DeviceID,
	}
	if e.AuthorID != uuid.Nil {
		m.AuthorId = e.AuthorID[:]
	}
	for _, attribute := range e.Attributes {
		if m.Attributes == nil {
			m.Attributes = map[string]string{}
		}
		m.Attributes[attribute.Name] = attribute.Value
	}
	return m
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	encoded, err := proto.Marshal(m)
	require.NoError(tb, err)
	return encoded
}

// minimal is an event with required fields only.
func minimal() event.Event {
	e := event.Event{
		TimeMS: 1764000000000, UserID: uuid.MustParse(userID), PostID: uuid.MustParse(postID), Action: event.View,
		Attributes: []event.Attribute{},
	}
	e.ID = e.DerivedID()
	return e
}

// The codec and the generated code read each other's bytes.
func TestProtobufAgreesWithGeneratedCode(t *testing.T) {
	for name, want := range map[string]event.Event{"whole": wholeEvent(), "minimal": minimal()} {
		t.Run(name, func(t *testing.T) {
			var decoded eventsv1.Event
			require.NoError(t, proto.Unmarshal(want.AppendProtobuf(nil), &decoded))
			assert.True(t, proto.Equal(message(want), &decoded), "%v", &decoded)
			assert.Empty(t, decoded.ProtoReflect().GetUnknown())

			got := event.Event{Attributes: []event.Attribute{}}
			require.NoError(t, event.DecodeProtobuf(marshal(t, message(want)), &got))
			assert.Equal(t, want, got)
		})
	}
}

// The two forms of one event, and any order of its attributes, give the same
// bytes: a retry in the other form is no conflict.
func TestEncodingIsDeterministic(t *testing.T) {
	var one, other event.Event
	require.NoError(t, event.DecodeJSON([]byte(whole), &one))
	require.NoError(t, event.DecodeProtobuf(marshal(t, message(wholeEvent())), &other))
	assert.Equal(t, one.AppendProtobuf(nil), other.AppendProtobuf(nil))
}

// Fields of a newer schema, of every wire type, land in the attributes, with every
// value of one that is repeated.
func TestUnknownProtobufFieldsAreKept(t *testing.T) {
	e := minimal()
	record := e.AppendProtobuf(nil)
	record = protowire.AppendString(protowire.AppendTag(record, 99, protowire.BytesType), "pixel")
	record = protowire.AppendBytes(protowire.AppendTag(record, 12, protowire.BytesType), []byte{0xff, 0})
	record = protowire.AppendVarint(protowire.AppendTag(record, 13, protowire.VarintType), 1<<63)
	record = protowire.AppendFixed32(protowire.AppendTag(record, 14, protowire.Fixed32Type), 5)
	record = protowire.AppendFixed64(protowire.AppendTag(record, 15, protowire.Fixed64Type), 6)
	record = protowire.AppendTag(record, 16, protowire.StartGroupType)
	record = protowire.AppendTag(record, 16, protowire.EndGroupType)
	record = protowire.AppendVarint(protowire.AppendTag(record, 13, protowire.VarintType), 7)
	record = protowire.AppendVarint(protowire.AppendTag(record, 8, protowire.VarintType), 8)

	var got event.Event
	require.NoError(t, event.DecodeProtobuf(record, &got))
	assert.Equal(t, []event.Attribute{
		{"field_12", "/wA="},
		{"field_13", "9223372036854775808"},
		{"field_13_2", "7"},
		{"field_14", "5"},
		{"field_15", "6"},
		{"field_16", "hAE="},
		{"field_8", "8"},
		{"field_99", "pixel"},
	}, got.Attributes)
	assert.Equal(t, e.ID, got.ID)
}

// Each rule that a client breaks is refused and named by its JSON name.
func TestProtobufRules(t *testing.T) {
	for _, test := range []struct {
		field, rule string
		change      func(*eventsv1.Event)
	}{
		{"event_id", "must be a UUID in 16 bytes", func(m *eventsv1.Event) { m.EventId = []byte{1} }},
		{"event_id", "must not be the nil UUID", func(m *eventsv1.Event) { m.EventId = make([]byte, 16) }},
		{"ts", "is required", func(m *eventsv1.Event) { m.TsMs = 0 }},
		{"ts", "must be a whole number of milliseconds since 1970, before the year 2300", func(m *eventsv1.Event) { m.TsMs = -1 }},
		{"user_id", "is required", func(m *eventsv1.Event) { m.UserId = nil }},
		{"post_id", "must be a UUID in 16 bytes", func(m *eventsv1.Event) { m.PostId = make([]byte, 17) }},
		{"action", "is required", func(m *eventsv1.Event) { m.Action = 0 }},
		{"action", "must be view, impression, like, comment or share, or one of them behind post_", func(m *eventsv1.Event) { m.Action = 6 }},
		{"action", "must be view, impression, like, comment or share, or one of them behind post_", func(m *eventsv1.Event) { m.Action = 257 }},
		{"device_id", "must be a string of at most 128 bytes", func(m *eventsv1.Event) { m.DeviceId = string(make([]byte, 129)) }},
		{"attributes", "must be an object of at most 64 members, unknown fields included", func(m *eventsv1.Event) {
			m.Attributes = map[string]string{}
			for i := range 65 {
				m.Attributes[strconv.Itoa(i)] = ""
			}
		}},
		{"attributes.x", "must have a value of at most 4096 bytes", func(m *eventsv1.Event) { m.Attributes = map[string]string{"x": string(make([]byte, 4097))} }},
		{"device", "must be a string of at most 128 bytes", func(m *eventsv1.Event) { m.Device = string(make([]byte, 129)) }},
		{"attributes.", "must have a name of 1 to 128 bytes", func(m *eventsv1.Event) { m.Attributes = map[string]string{"": "x"} }},
	} {
		t.Run(test.field+" "+test.rule, func(t *testing.T) {
			m := message(minimal())
			test.change(m)
			_, err := event.DecodeProtobufBatch(marshal(t, &eventsv1.EventBatch{Events: []*eventsv1.Event{m}}), bounds())
			var invalid *event.InvalidError
			require.ErrorAs(t, err, &invalid)
			assert.Equal(t, []event.Problem{{Field: test.field, Rule: test.rule}}, invalid.Problems)
		})
	}
}

// A string that is not UTF-8 is refused, as proto3 asks.
func TestProtobufStringsAreUTF8(t *testing.T) {
	e := minimal()
	for _, field := range []protowire.Number{8, 9, 11} {
		record := protowire.AppendString(protowire.AppendTag(e.AppendProtobuf(nil), field, protowire.BytesType), "\xff")
		var got event.Event
		assert.ErrorContains(t, event.DecodeProtobuf(record, &got), "must be UTF-8, which byte 0 is not")
	}
}

// Bytes cut anywhere are an error or a shorter event, and never read beyond.
func TestProtobufCutAnywhere(t *testing.T) {
	e := wholeEvent()
	record := e.AppendProtobuf(nil)
	for size := range record {
		var got event.Event
		err := event.DecodeProtobuf(record[:size], &got)
		if err == nil {
			assert.Equal(t, e.UserID, got.UserID, size)
		}
	}
}

// A batch holds events and nothing else, in both forms the same.
func TestProtobufBatch(t *testing.T) {
	body := marshal(t, &eventsv1.EventBatch{Events: []*eventsv1.Event{message(minimal()), message(wholeEvent())}})
	events, err := event.DecodeProtobufBatch(body, bounds())
	require.NoError(t, err)
	require.Len(t, events, 2)
	assert.Equal(t, wholeEvent(), events[1])
	assert.Equal(t, minimal().ID, events[0].ID)

	for name, test := range map[string]struct {
		body []byte
		want event.Problem
	}{
		"empty":    {nil, event.Problem{Index: event.WholeBody, Field: "events", Rule: "must hold 1 to 3 events"}},
		"too many": {append(body, body...), event.Problem{Index: event.WholeBody, Field: "events", Rule: "must hold 1 to 3 events"}},
		"cut":      {body[:len(body)-1], event.Problem{Index: event.WholeBody, Rule: "must be a message of nova.events.v1 in protobuf's wire format"}},
		"other": {
			protowire.AppendVarint(protowire.AppendTag(body, 2, protowire.VarintType), 1),
			event.Problem{Index: event.WholeBody, Field: "field_2", Rule: "must not be beside events"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := event.DecodeProtobufBatch(test.body, bounds())
			var invalid *event.InvalidError
			require.ErrorAs(t, err, &invalid)
			assert.Equal(t, []event.Problem{test.want}, invalid.Problems)
		})
	}
}
