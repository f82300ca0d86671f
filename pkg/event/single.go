package event

// DecodeJSONBody reads what a client may post: the body {"events":[…]}, or one
// event, an object without a member "events". The problems of the latter have the
// index 0.
func DecodeJSONBody(body []byte, bounds Bounds) ([]Event, error) {
	var d jsonDecoder
	d.builder.bounds = &bounds
	d.begin(string(body))
	var events []Event
	if d.isSingle() {
		events = make([]Event, 1)
		d.builder.start(&events[0], 0)
		d.event()
	} else {
		events = d.batch(bounds.MaxEvents)
	}
	d.scanner.end()
	if err := d.err(WholeBody); err != nil {
		return nil, err
	}
	return events, nil
}

// isSingle looks ahead. A batch is known by its first member as a rule, so only a
// single event is read twice.
func (d *jsonDecoder) isSingle() bool {
	ahead, isBatch := d.scanner, false
	ahead.members(func(name string) {
		if name == "events" {
			isBatch = true
			ahead.fail("") // looks no further
			return
		}
		ahead.skip(deepest + 1) // "attributes" is a level of the event's own
	})
	return !isBatch && ahead.isFine()
}

// DecodeProtobufSingle reads one nova.events.v1.Event that a client posts by
// itself. Its problems have the index 0.
func DecodeProtobufSingle(body []byte, bounds Bounds) ([]Event, error) {
	d := newProtobufDecoder(body, string(body))
	d.builder.bounds = &bounds
	events := make([]Event, 1)
	if err := d.record(&events[0]); err != nil {
		return nil, err
	}
	return events, nil
}
