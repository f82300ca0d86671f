package event

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of a single event. The longest that a client can post has some 300 kB,
// so its record always fits in Kafka's default message size of 1 MB.
const (
	maxTextBytes           = 128 // device, app_ver, device_id
	maxAttributes          = 64
	maxAttributeNameBytes  = 128
	maxAttributeValueBytes = 4096

	// maxRecordAttributes is for records from Kafka: one with maxAttributes and
	// fields of a newer schema has more of them, of any length, and must be read.
	maxRecordAttributes = 1024
)

// Rules as they are told to clients.
const (
	ruleRequired    = "is required"
	ruleTwice       = "must not be given twice"
	ruleUUID        = "must be a UUID of the form 01234567-89ab-cdef-0123-456789abcdef"
	ruleNilUUID     = "must not be the nil UUID"
	ruleTime        = "must be a whole number of milliseconds since 1970, before the year 2300"
	ruleAction      = "must be view, impression, like, comment or share, or one of them behind post_"
	ruleDwell       = "must be a whole number of milliseconds from 0 to 4294967295"
	ruleText        = "must be a string of at most 128 bytes"
	ruleAttributes  = "must be an object of at most 64 members, unknown fields included"
	ruleRecord      = "must be an object of at most 1024 members, unknown fields included"
	ruleNameLength  = "must have a name of 1 to 128 bytes"
	ruleValueLength = "must have a value of at most 4096 bytes"
)

// field is one of the fields an event is known to have, as a bit of a set.
type field uint16

const (
	fieldEventID field = 1 << iota
	fieldTime
	fieldUserID
	fieldPostID
	fieldAuthorID
	fieldAction
	fieldDwell
	fieldDevice
	fieldAppVersion
	fieldAttributes
	fieldDeviceID
	fieldUnknown field = 0
)

// name is the field's name in JSON.
func (f field) name() string {
	switch f {
	case fieldEventID:
		return "event_id"
	case fieldTime:
		return "ts"
	case fieldUserID:
		return "user_id"
	case fieldPostID:
		return "post_id"
	case fieldAuthorID:
		return "author_id"
	case fieldAction:
		return "action"
	case fieldDwell:
		return "dwell_ms"
	case fieldDevice:
		return "device"
	case fieldAppVersion:
		return "app_ver"
	case fieldAttributes:
		return "attributes"
	case fieldDeviceID:
		return "device_id"
	case fieldUnknown:
	}
	return ""
}

func fieldOf(name string) field {
	switch name {
	case "event_id":
		return fieldEventID
	case "ts":
		return fieldTime
	case "user_id":
		return fieldUserID
	case "post_id":
		return fieldPostID
	case "author_id":
		return fieldAuthorID
	case "action":
		return fieldAction
	case "dwell_ms":
		return fieldDwell
	case "device":
		return fieldDevice
	case "app_ver":
		return fieldAppVersion
	case "attributes":
		return fieldAttributes
	case "device_id":
		return fieldDeviceID
	}
	return fieldUnknown
}

// builder fills one event after another from either form and holds the rules
// that both share.
type builder struct {
	problems problems
	bounds   *Bounds // nil for a record from Kafka
	// lastWins is protobuf's rule for an attribute that comes twice.
	lastWins bool
	// without is what an older schema lacks: tests decode as its consumers do.
	without field

	event   *Event
	index   int
	seen    field
	isValid bool
}

func (b *builder) start(event *Event, index int) {
	*event = Event{Attributes: event.Attributes[:0]}
	b.event, b.index, b.seen, b.isValid = event, index, 0, true
}

// isRecord reports whether the event comes from Kafka, where what a newer client
// may say is stored and what an older one might say must not be refused later.
func (b *builder) isRecord() bool { return b.bounds == nil }

func (b *builder) broken(name, rule string) {
	b.isValid = false
	b.problems.add(b.index, name, rule)
}

func (b *builder) require(rule string, holds bool, f field) {
	if !holds {
		b.broken(f.name(), rule)
	}
}

// saw marks a field as given, also when its value is refused, so that it is not
// reported as missing as well.
func (b *builder) saw(f field) { b.seen |= f }

func (b *builder) uuidText(f field, into *uuid.UUID, text string) {
	b.saw(f)
	const canonicalLength = 36 // uuid.Parse takes other forms too
	id, err := uuid.Parse(text)
	if err != nil || len(text) != canonicalLength {
		b.broken(f.name(), ruleUUID)
		return
	}
	b.require(ruleNilUUID, id != uuid.Nil, f)
	*into = id
}

func (b *builder) timeMS(value int64) {
	b.saw(fieldTime)
	switch {
	case value <= 0 || value > MaxTimeMS:
		b.broken(fieldTime.name(), ruleTime)
	case b.bounds != nil && !b.bounds.isWithin(value):
		b.broken(fieldTime.name(), b.bounds.timeRule())
	}
	b.event.TimeMS = value
}

func (b *builder) action(action Action) {
	b.saw(fieldAction)
	b.require(ruleAction, action.IsKnown() || b.isRecord(), fieldAction)
	b.event.Action = action
}

func (b *builder) text(f field, into *string, value string) {
	b.saw(f)
	b.require(ruleText, len(value) <= maxTextBytes, f)
	*into = value
}

func (b *builder) attribute(name, value string) {
	switch {
	case name == "" || len(name) > maxAttributeNameBytes:
		b.broken(attributeField(name), ruleNameLength)
	case len(value) > maxAttributeValueBytes && !b.isRecord():
		b.broken(attributeField(name), ruleValueLength)
	}
	if len(b.event.Attributes) <= b.maxAttributes() { // one more, to be reported once
		b.event.Attributes = append(b.event.Attributes, Attribute{Name: name, Value: value})
	}
}

func (b *builder) maxAttributes() int {
	if b.isRecord() {
		return maxRecordAttributes
	}
	return maxAttributes
}

func (b *builder) attributesRule() string {
	if b.isRecord() {
		return ruleRecord
	}
	return ruleAttributes
}

// attributeField is how a problem names an attribute.
func attributeField(name string) string {
	return fieldAttributes.name() + "." + shortened(name)
}

func shortened(name string) string {
	if len(name) <= maxAttributeNameBytes {
		return name
	}
	return strings.ToValidUTF8(name[:maxAttributeNameBytes], "") + "…"
}

// finish checks the event as a whole and gives it its id.
func (b *builder) finish() {
	for _, required := range [...]field{fieldTime, fieldUserID, fieldPostID, fieldAction} {
		b.require(ruleRequired, b.seen&required != 0, required)
	}
	b.sortAttributes()
	if b.isValid && b.event.ID == uuid.Nil {
		b.event.ID = b.event.DerivedID()
	}
}

func (b *builder) sortAttributes() {
	attributes := b.event.Attributes
	named := len(attributes)
	if b.event.DeviceID != "" {
		named++ // an attribute to consumers of v1, which take no more of them
	}
	if named > b.maxAttributes() {
		b.broken(fieldAttributes.name(), b.attributesRule())
	}
	slices.SortStableFunc(attributes, func(x, y Attribute) int { return strings.Compare(x.Name, y.Name) })
	unique := attributes[:0]
	for _, attribute := range attributes {
		last := len(unique) - 1
		switch {
		case last < 0 || unique[last].Name != attribute.Name:
			unique = append(unique, attribute)
		case b.lastWins:
			unique[last] = attribute
		default:
			b.broken(attributeField(attribute.Name), ruleTwice)
		}
	}
	b.event.Attributes = unique
}

// utf8Rule is empty for valid UTF-8; otherwise it tells where it ends.
func utf8Rule(text string) string {
	if utf8.ValidString(text) {
		return ""
	}
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return "must be UTF-8, which byte " + strconv.Itoa(at) + " is not"
}
