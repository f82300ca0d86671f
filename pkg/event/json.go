package event

import (
	"strconv"

	"github.com/google/uuid"
)

// DecodeJSON reads one event, an object, into event, whose memory it reuses.
//
// Fields are those of the README's table. null is the same as absent for them. A
// string is never taken for a number nor a number for a string; 1e3 and 1.0 are no
// whole numbers. Unknown fields and the members of "attributes" are kept: a
// string as its text, any other value, null too, as compact JSON. A name that
// comes twice is refused, since readers differ on which of the two counts.
func DecodeJSON(record []byte, event *Event) error {
	var d jsonDecoder
	return d.record(string(record), event)
}

// DecodeJSONBatch reads the body {"events":[…]}, which has no other members.
func DecodeJSONBatch(body []byte, bounds Bounds) ([]Event, error) {
	var d jsonDecoder
	d.builder.bounds = &bounds
	d.begin(string(body))
	events := d.batch(bounds.MaxEvents)
	d.scanner.end()
	if err := d.err(WholeBody); err != nil {
		return nil, err
	}
	return events, nil
}

type jsonDecoder struct {
	scanner scanner
	builder builder
	// named are the fields of the event at hand that came, those with null too.
	named field
}

// record reads the whole input as one event.
func (d *jsonDecoder) record(text string, event *Event) error {
	d.begin(text)
	d.builder.start(event, 0)
	d.event()
	d.scanner.end()
	return d.err(0)
}

func (d *jsonDecoder) begin(text string) {
	d.scanner.text = text
	if rule := utf8Rule(d.scanner.text); rule != "" {
		d.scanner.rule, d.scanner.pos = rule, len(d.scanner.text)
	}
}

// err is what is wrong with the input. After a syntax error what was found
// before it may be no more than its consequence.
func (d *jsonDecoder) err(index int) error {
	if !d.scanner.isFine() {
		d.builder.problems = problems{}
		d.builder.problems.syntax(index, d.scanner.rule)
	}
	return d.builder.problems.err()
}

func (d *jsonDecoder) batch(maxEvents int) []Event {
	var events []Event
	isGiven := false
	d.scanner.members(func(name string) {
		switch {
		case name != "events":
			d.builder.problems.add(WholeBody, shortened(name), "must not be beside events")
			d.scanner.skip(deepest)
		case isGiven:
			d.builder.problems.add(WholeBody, name, ruleTwice)
			d.scanner.skip(deepest)
		case d.scanner.peek() != '[':
			isGiven = true
			d.builder.problems.add(WholeBody, name, "must be an array")
			d.scanner.skip(deepest)
		default:
			isGiven = true
			events = d.events(maxEvents)
		}
	})
	if !isGiven {
		d.builder.problems.add(WholeBody, "events", ruleRequired)
	}
	return events
}

func (d *jsonDecoder) events(maxEvents int) []Event {
	var events []Event
	count := 0
	d.scanner.elements(func() {
		count++
		if count > maxEvents {
			d.scanner.skip(deepest)
			return
		}
		events = append(events, Event{})
		d.builder.start(&events[count-1], count-1)
		d.event()
	})
	if count == 0 || count > maxEvents {
		d.builder.problems.add(WholeBody, "events", countRule(maxEvents))
	}
	return events
}

func countRule(maxEvents int) string {
	return "must hold 1 to " + strconv.Itoa(maxEvents) + " events"
}

func (d *jsonDecoder) event() {
	if d.scanner.peek() != '{' {
		d.builder.broken("", "must be an object")
		d.scanner.skip(deepest)
		return
	}
	d.named = 0
	d.scanner.members(d.member)
	d.builder.finish()
}

func (d *jsonDecoder) member(name string) {
	f := fieldOf(name) &^ d.builder.without
	if f == fieldUnknown {
		d.attribute(name)
		return
	}
	if d.named&f != 0 {
		d.builder.broken(name, ruleTwice)
	}
	d.named |= f
	if f == fieldAttributes && d.scanner.peek() == '{' {
		d.builder.saw(f)
		d.scanner.members(d.attribute)
		return
	}
	kind, text := d.scanner.value()
	if kind != kindNull && d.scanner.isFine() {
		d.set(f, kind, text)
	}
}

func (d *jsonDecoder) attribute(name string) {
	kind, text := d.scanner.value()
	if d.scanner.isFine() {
		d.keep(name, kind, text)
	}
}

func (d *jsonDecoder) keep(name string, kind kind, text string) {
	if kind == kindObject || kind == kindArray {
		text = compact(text)
	}
	d.builder.attribute(name, text)
}

// set gives a known field its value.
func (d *jsonDecoder) set(f field, kind kind, text string) {
	b, event := &d.builder, d.builder.event
	switch f {
	case fieldEventID:
		d.identity(f, &event.ID, kind, text)
	case fieldUserID:
		d.identity(f, &event.UserID, kind, text)
	case fieldPostID:
		d.identity(f, &event.PostID, kind, text)
	case fieldAuthorID:
		d.identity(f, &event.AuthorID, kind, text)
	case fieldTime:
		value, err := strconv.ParseInt(text, 10, 64)
		if kind != kindNumber || err != nil {
			value = 0 // refused
		}
		b.timeMS(value)
	case fieldAction:
		b.saw(f)
		action, isKnown := ParseAction(text)
		b.require(ruleAction, kind == kindString && isKnown, f)
		event.Action = action
	case fieldDwell:
		b.saw(f)
		value, err := strconv.ParseUint(text, 10, 32)
		b.require(ruleDwell, kind == kindNumber && err == nil, f)
		event.DwellMS = uint32(value)
	case fieldDevice:
		d.text(f, &event.Device, kind, text)
	case fieldAppVersion:
		d.text(f, &event.AppVersion, kind, text)
	case fieldDeviceID:
		if b.isRecord() && (kind != kindString || len(text) > maxTextBytes) {
			d.keep(f.name(), kind, text) // as v1 read it
			return
		}
		d.text(f, &event.DeviceID, kind, text)
	case fieldAttributes, fieldUnknown:
		b.saw(f)
		b.broken(f.name(), b.attributesRule())
	}
}

func (d *jsonDecoder) identity(f field, into *uuid.UUID, kind kind, text string) {
	if kind != kindString {
		text = ""
	}
	d.builder.uuidText(f, into, text)
}

func (d *jsonDecoder) text(f field, into *string, kind kind, text string) {
	if kind != kindString {
		d.builder.saw(f)
		d.builder.broken(f.name(), ruleText)
		return
	}
	d.builder.text(f, into, text)
}
