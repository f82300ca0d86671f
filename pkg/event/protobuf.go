package event

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of nova.events.v1. The codec is written by hand because the
// generated one allocates each field and a map per record.
const (
	numberEventID    = 1
	numberTime       = 2
	numberUserID     = 3
	numberPostID     = 4
	numberAuthorID   = 5
	numberAction     = 6
	numberDwell      = 7
	numberDevice     = 8
	numberAppVersion = 9
	numberAttributes = 10
	numberDeviceID   = 11

	numberBatchEvents = 1
	numberMapKey      = 1
	numberMapValue    = 2
)

const ruleProtobuf = "must be a message of nova.events.v1 in protobuf's wire format"

// DecodeProtobuf reads one nova.events.v1.Event into event, whose memory it
// reuses.
//
// A field of a newer schema becomes the attribute "field_<number>": a number in
// decimal, bytes as text, or in base64 when they are not UTF-8. It may be a
// repeated one, so its second value is "field_<number>_2", and so on. An action of
// a newer schema is kept as its number. Of a field that comes twice the last
// counts, as everywhere in protobuf; zero is absent.
func DecodeProtobuf(record []byte, event *Event) error {
	d := newProtobufDecoder(record, string(record))
	return d.record(event)
}

// DecodeProtobufBatch reads the body nova.events.v1.EventBatch.
func DecodeProtobufBatch(body []byte, bounds Bounds) ([]Event, error) {
	d := newProtobufDecoder(body, string(body))
	d.builder.bounds = &bounds
	events := d.batch(bounds.MaxEvents)
	if err := d.builder.problems.err(); err != nil {
		return nil, err
	}
	return events, nil
}

// protobufDecoder reads data; strings are parts of text, its one copy.
type protobufDecoder struct {
	text    string
	data    []byte
	builder builder
	// unknown is the numbers of the unknown fields of the event at hand.
	unknown []protowire.Number
}

// newProtobufDecoder returns a decoder of input, of which text has the same bytes.
func newProtobufDecoder(input []byte, text string) protobufDecoder {
	return protobufDecoder{text: text, data: input, builder: builder{lastWins: true}}
}

// record reads the whole input as one event.
func (d *protobufDecoder) record(event *Event) error {
	d.builder.start(event, 0)
	d.event(0, len(d.data))
	return d.builder.problems.err()
}

// element is one field on the wire: its number and type, and where its value
// stands, without the length of a length-delimited one.
type element struct {
	number     protowire.Number
	wire       protowire.Type
	start, end int
	varint     uint64
}

// next reads the field at start and returns where the next one begins, 0 if
// there is no field.
func (d *protobufDecoder) next(start, end int) (element, int) {
	data := d.data[:end]
	number, wire, size := protowire.ConsumeTag(data[start:])
	if size < 0 || number > protowire.MaxValidNumber { // ConsumeTag takes larger ones
		return element{}, 0
	}
	start += size
	size = protowire.ConsumeFieldValue(number, wire, data[start:])
	if size < 0 {
		return element{}, 0
	}
	e := element{number: number, wire: wire, start: start, end: start + size}
	switch wire {
	case protowire.VarintType:
		e.varint, _ = protowire.ConsumeVarint(data[start:])
	case protowire.BytesType:
		value, _ := protowire.ConsumeBytes(data[start:])
		e.start = e.end - len(value)
	case protowire.Fixed32Type, protowire.Fixed64Type, protowire.StartGroupType, protowire.EndGroupType:
	}
	return e, start + size
}

func (d *protobufDecoder) batch(maxEvents int) []Event {
	var events []Event
	count := 0
	for at := 0; at < len(d.data); {
		e, next := d.next(at, len(d.data))
		if next == 0 {
			d.builder.problems.syntax(WholeBody, ruleProtobuf)
			return nil
		}
		at = next
		if e.number != numberBatchEvents || e.wire != protowire.BytesType {
			d.builder.problems.add(WholeBody, "field_"+strconv.Itoa(int(e.number)), "must not be beside events")
			continue
		}
		if count++; count > maxEvents {
			continue
		}
		events = append(events, Event{})
		d.builder.start(&events[count-1], count-1)
		d.event(e.start, e.end)
	}
	if count == 0 || count > maxEvents {
		d.builder.problems.add(WholeBody, "events", countRule(maxEvents))
	}
	return events
}

func (d *protobufDecoder) event(start, end int) {
	d.unknown = d.unknown[:0]
	for start < end {
		e, next := d.next(start, end)
		if next == 0 {
			d.builder.problems.syntax(d.builder.index, ruleProtobuf)
			return
		}
		if !d.set(e) {
			d.builder.attribute(d.unknownName(e.number), d.unknownValue(e))
		}
		start = next
	}
	d.builder.finish()
}

// set gives a known field its value; false if no field has this number and type.
func (d *protobufDecoder) set(e element) bool {
	event := d.builder.event
	switch e.wire {
	case protowire.VarintType:
		return d.setNumber(e)
	case protowire.BytesType:
	default:
		return false
	}
	switch e.number {
	case numberEventID:
		d.identity(fieldEventID, &event.ID, e)
	case numberUserID:
		d.identity(fieldUserID, &event.UserID, e)
	case numberPostID:
		d.identity(fieldPostID, &event.PostID, e)
	case numberAuthorID:
		d.identity(fieldAuthorID, &event.AuthorID, e)
	case numberDevice:
		d.builder.text(fieldDevice, &event.Device, d.utf8(fieldDevice.name(), e))
	case numberAppVersion:
		d.builder.text(fieldAppVersion, &event.AppVersion, d.utf8(fieldAppVersion.name(), e))
	case numberAttributes:
		d.attribute(e)
	case numberDeviceID:
		if d.builder.without&fieldDeviceID != 0 {
			return false
		}
		d.builder.text(fieldDeviceID, &event.DeviceID, d.utf8(fieldDeviceID.name(), e))
	default:
		return false
	}
	return true
}

func (d *protobufDecoder) setNumber(e element) bool {
	b := &d.builder
	switch e.number {
	case numberTime:
		if e.varint != 0 {
			b.timeMS(int64(e.varint))
		}
	case numberAction:
		if action := Action(e.varint); action != 0 {
			b.action(action)
		}
	case numberDwell:
		b.event.DwellMS = uint32(e.varint)
	default:
		return false
	}
	return true
}

func (d *protobufDecoder) identity(f field, into *uuid.UUID, e element) {
	value := d.data[e.start:e.end]
	if len(value) == 0 {
		return
	}
	d.builder.saw(f)
	if len(value) != len(into) {
		d.builder.broken(f.name(), "must be a UUID in 16 bytes")
		return
	}
	copy(into[:], value)
	d.builder.require(ruleNilUUID, *into != uuid.Nil, f)
}

func (d *protobufDecoder) utf8(name string, e element) string {
	value := d.text[e.start:e.end]
	if rule := utf8Rule(value); rule != "" {
		d.builder.broken(name, rule)
		return ""
	}
	return value
}

func (d *protobufDecoder) attribute(entry element) {
	var name, value string
	for at := entry.start; at < entry.end; {
		e, next := d.next(at, entry.end)
		if next == 0 {
			d.builder.problems.syntax(d.builder.index, ruleProtobuf)
			return
		}
		at = next
		switch {
		case e.wire != protowire.BytesType:
		case e.number == numberMapKey:
			name = d.utf8(fieldAttributes.name(), e)
		case e.number == numberMapValue:
			value = d.utf8(fieldAttributes.name(), e)
		}
	}
	d.builder.attribute(name, value)
}

// unknownName is the name of the attribute that the next value of an unknown
// field becomes.
func (d *protobufDecoder) unknownName(number protowire.Number) string {
	name := "field_" + strconv.Itoa(int(number))
	if len(d.unknown) > d.builder.maxAttributes() { // and so refused
		return name
	}
	nth := 1
	for _, before := range d.unknown {
		if before == number {
			nth++
		}
	}
	d.unknown = append(d.unknown, number)
	if nth > 1 {
		name += "_" + strconv.Itoa(nth)
	}
	return name
}

func (d *protobufDecoder) unknownValue(e element) string {
	value := d.data[e.start:e.end]
	switch e.wire {
	case protowire.VarintType:
		return strconv.FormatUint(e.varint, 10)
	case protowire.Fixed32Type:
		number, _ := protowire.ConsumeFixed32(value)
		return strconv.FormatUint(uint64(number), 10)
	case protowire.Fixed64Type:
		number, _ := protowire.ConsumeFixed64(value)
		return strconv.FormatUint(number, 10)
	case protowire.BytesType:
		if utf8.Valid(value) {
			return d.text[e.start:e.end]
		}
	case protowire.StartGroupType, protowire.EndGroupType:
	}
	return base64.StdEncoding.EncodeToString(value)
}
