package event_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/nova-data/nova/pkg/event"
	eventsv1 "github.com/nova-data/nova/proto/nova/events/v1"
)

// releasedEvent is the message Event as a version was released.
func releasedEvent(tb testing.TB, version string) protoreflect.MessageDescriptor {
	tb.Helper()
	encoded, err := os.ReadFile(filepath.Join("..", "..", "proto", "released", version+".binpb"))
	require.NoError(tb, err)
	var set descriptorpb.FileDescriptorSet
	require.NoError(tb, proto.Unmarshal(encoded, &set))
	files, err := protodesc.NewFiles(&set)
	require.NoError(tb, err)
	found, err := files.FindDescriptorByName(event.Schema)
	require.NoError(tb, err)
	return found.(protoreflect.MessageDescriptor)
}

// withoutDeviceID is wholeEvent as a producer of v1 knows it.
func withoutDeviceID() event.Event {
	e := wholeEvent()
	e.DeviceID = ""
	return e
}

// withAttribute is withoutDeviceID with one more attribute, which sorts first.
func withAttribute(name, value string) event.Event {
	e := withoutDeviceID()
	e.Attributes = append([]event.Attribute{{Name: name, Value: value}}, e.Attributes...)
	return e
}

type decode func(record []byte, into *event.Event) error

// Producer and consumer may each have either version, in either form: a field that
// one of them lacks is empty or among the attributes, and all else is the same.
// What a consumer of v1 has read and writes again holds all of it.
func TestPairsOfVersions(t *testing.T) {
	jsonV1 := strings.Replace(whole, `"device_id":"pixel-7",`, "", 1)
	require.NotEqual(t, whole, jsonV1)
	protobufV1 := dynamicpb.NewMessage(releasedEvent(t, "v1"))
	require.NoError(t, proto.Unmarshal(marshal(t, message(withoutDeviceID())), protobufV1))
	require.Empty(t, protobufV1.GetUnknown())
	protobufV2 := dynamicpb.NewMessage(releasedEvent(t, "v2"))
	require.NoError(t, proto.Unmarshal(marshal(t, message(wholeEvent())), protobufV2))
	require.Empty(t, protobufV2.GetUnknown())

	for name, test := range map[string]struct {
		record []byte
		decode decode
		want   event.Event
	}{
		"protobuf of v1, read by v1": {marshal(t, protobufV1), event.DecodeProtobufV1, withoutDeviceID()},
		"protobuf of v1, read by v2": {marshal(t, protobufV1), event.DecodeProtobuf, withoutDeviceID()},
		"protobuf of v2, read by v1": {marshal(t, protobufV2), event.DecodeProtobufV1, withAttribute("field_11", "pixel-7")},
		"protobuf of v2, read by v2": {marshal(t, protobufV2), event.DecodeProtobuf, wholeEvent()},
		"JSON of v1, read by v1":     {[]byte(jsonV1), event.DecodeJSONV1, withoutDeviceID()},
		"JSON of v1, read by v2":     {[]byte(jsonV1), event.DecodeJSON, withoutDeviceID()},
		"JSON of v2, read by v1":     {[]byte(whole), event.DecodeJSONV1, withAttribute("device_id", "pixel-7")},
		"JSON of v2, read by v2":     {[]byte(whole), event.DecodeJSON, wholeEvent()},
	} {
		t.Run(name, func(t *testing.T) {
			var got event.Event
			require.NoError(t, test.decode(test.record, &got))
			assert.Equal(t, test.want, got)
			survives(t, got)
		})
	}
}

// A program of either version that reads a record with the generated code, changes
// nothing and writes it again, loses nothing of it.
func TestGeneratedCodeKeepsWhatItDoesNotKnow(t *testing.T) {
	record := marshal(t, message(wholeEvent()))
	for _, version := range []string{"v1", "v2"} {
		relay := dynamicpb.NewMessage(releasedEvent(t, version))
		require.NoError(t, proto.Unmarshal(record, relay))
		assert.Equal(t, version == "v1", len(relay.GetUnknown()) > 0, version)
		var decoded eventsv1.Event
		relayed := marshal(t, relay)
		require.NoError(t, proto.Unmarshal(relayed, &decoded))
		assert.True(t, proto.Equal(message(wholeEvent()), &decoded), version)
		var got event.Event
		require.NoError(t, event.DecodeProtobuf(relayed, &got))
		assert.Equal(t, wholeEvent(), got)
	}
}

// The decoder has the fields of the newest release, and in tests of v1 those of
// v1, by number and by name: no more and no fewer.
func TestDecoderHasTheFieldsOfTheRelease(t *testing.T) {
	newest := releasedEvent(t, "v2").Fields()
	e := minimal()
	for version, decoders := range map[string][2]decode{
		"v1": {event.DecodeProtobufV1, event.DecodeJSONV1},
		"v2": {event.DecodeProtobuf, event.DecodeJSON},
	} {
		known := releasedEvent(t, version).Fields()
		for i := range newest.Len() {
			field := newest.Get(i)
			if field.Kind() != protoreflect.StringKind {
				continue // of another type, or refused as another value
			}
			isKnown := known.ByNumber(field.Number()) != nil
			var fromProtobuf, fromJSON event.Event
			record := protowire.AppendString(protowire.AppendTag(e.AppendProtobuf(nil), field.Number(), protowire.BytesType), "x")
			require.NoError(t, decoders[0](record, &fromProtobuf))
			assert.Equal(t, isKnown, len(fromProtobuf.Attributes) == 0, "%s: %s", version, field.Name())
			require.NoError(t, decoders[1](object(required+`,"`+string(field.Name())+`":"x"`), &fromJSON))
			assert.Equal(t, isKnown, len(fromJSON.Attributes) == 0, "%s: %s", version, field.Name())
		}
	}
}

// A record of a schema that does not exist yet is read for what is known of it:
// new fields of every type, an action of another number, and more than a client of
// today may say.
func TestRecordOfTheFuture(t *testing.T) {
	e := wholeEvent()
	e.Action = 9
	e.Attributes = nil
	for i := range 64 {
		e.Attributes = append(e.Attributes, event.Attribute{Name: "a" + strconv.Itoa(10+i), Value: "x"})
	}
	record := e.AppendProtobuf(nil)
	long := strings.Repeat("é", 5000)
	tag := func(wire protowire.Type) { record = protowire.AppendTag(record, 99, wire) }
	tag(protowire.VarintType)
	record = protowire.AppendVarint(record, 1<<63)
	tag(protowire.Fixed32Type)
	record = protowire.AppendFixed32(record, 32)
	tag(protowire.Fixed64Type)
	record = protowire.AppendFixed64(record, 64)
	tag(protowire.BytesType)
	record = protowire.AppendString(record, long)
	tag(protowire.BytesType)
	record = protowire.AppendBytes(record, []byte{0xff})
	tag(protowire.StartGroupType)
	tag(protowire.EndGroupType)

	var got event.Event
	require.NoError(t, event.DecodeRecord(record, []byte(event.ContentTypeProtobuf), &got))
	assert.Equal(t, "post_action_9", got.Action.EventType())
	assert.Equal(t, []event.Attribute{
		{"field_99", "9223372036854775808"},
		{"field_99_2", "32"},
		{"field_99_3", "64"},
		{"field_99_4", long},
		{"field_99_5", "/w=="},
		{"field_99_6", "nAY="},
	}, got.Attributes[64:])
	survives(t, got)
	got.Attributes = got.Attributes[:64]
	assert.Equal(t, e, got)
}

// An action of any number is read from Kafka as that number; clients may send
// those of today only.
func TestActionOfTheFuture(t *testing.T) {
	for action, eventType := range map[eventsv1.Action]string{
		6: "post_action_6", 257: "post_action_257", -1: "post_action_-1", 1<<31 - 1: "post_action_2147483647",
	} {
		m := message(minimal())
		m.Action = action
		var got event.Event
		require.NoError(t, event.DecodeProtobuf(marshal(t, m), &got))
		assert.Equal(t, eventType, got.Action.EventType())
		survives(t, got)
		_, err := event.DecodeProtobufBatch(marshal(t, &eventsv1.EventBatch{Events: []*eventsv1.Event{m}}), bounds())
		assert.ErrorContains(t, err, "event 0: action must be view, impression, like, comment or share")
	}
}

// The value that v1 took of a member which v2 knows is still taken from Kafka.
func TestDeviceIDOfV1(t *testing.T) {
	for value, want := range map[string]string{
		`7`: "7", `{"a": 1}`: `{"a":1}`, `"` + strings.Repeat("x", 129) + `"`: strings.Repeat("x", 129),
	} {
		var got event.Event
		record := object(required + `,"device_id":` + value)
		require.NoError(t, event.DecodeJSON(record, &got))
		assert.Equal(t, []event.Attribute{{"device_id", want}}, got.Attributes)
		var v1 event.Event
		require.NoError(t, event.DecodeJSONV1(record, &v1))
		assert.Equal(t, v1, got)
	}
}

// A record is refused when it has more attributes than any schema will.
func TestAttributesOfARecordAreBounded(t *testing.T) {
	const rule = "attributes must be an object of at most 1024 members, unknown fields included"
	e := minimal()
	record := e.AppendProtobuf(nil)
	for range 1024 {
		record = protowire.AppendVarint(protowire.AppendTag(record, 99, protowire.VarintType), 1)
	}
	var got event.Event
	require.NoError(t, event.DecodeProtobuf(record, &got))
	require.NoError(t, event.DecodeJSON(object(required+manyMembers(1024)), &got))
	for range 100_000 {
		record = protowire.AppendVarint(protowire.AppendTag(record, 99, protowire.VarintType), 1)
	}
	assert.ErrorContains(t, event.DecodeProtobuf(record, &got), rule)
	assert.ErrorContains(t, event.DecodeJSON(object(required+manyMembers(1025)), &got), rule)
}

// A client may send no more than a consumer of v1 takes, to which device_id is one
// more attribute: else an upgrade would make letters for as long as it lasts.
func TestClientsKeepToWhatEveryConsumerTakes(t *testing.T) {
	post := func(attributes int, more string) []byte {
		return []byte(`{"events":[{` + required + more + manyMembers(attributes) + `}]}`)
	}
	for _, body := range [][]byte{post(64, ""), post(63, `,"device_id":"pixel-7"`)} {
		events, err := event.DecodeJSONBatch(body, bounds())
		require.NoError(t, err)
		var got event.Event
		require.NoError(t, event.DecodeProtobufV1(events[0].AppendProtobuf(nil), &got))
		assert.Len(t, got.Attributes, 64)
	}
	_, err := event.DecodeJSONBatch(post(64, `,"device_id":"pixel-7"`), bounds())
	require.ErrorContains(t, err, "attributes must be an object of at most 64 members")
}
