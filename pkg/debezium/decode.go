package debezium

import "strings"

// field is a set of the names by which kinds of records are told apart.
type field uint16

const (
	fieldOp field = 1 << iota
	fieldSource
	fieldBefore
	fieldAfter
	fieldTimestamp
	fieldStatus
	fieldEventCount
	fieldSchema // the wrapper's
	fieldNull   // not a name: the payload is null
	fieldOther
)

// Decode fills e from a record's value, nil being Kafka's null. Everything that
// e held before is forgotten, but AfterOnly. The error is an *Error.
func (e *Envelope) Decode(value []byte) error {
	*e = Envelope{AfterOnly: e.AfterOnly, beforeMemory: e.beforeMemory, afterMemory: e.afterMemory}
	if value == nil {
		e.Kind = KindTombstone
		return nil
	}
	s := scanner{data: value}
	e.decodeOuter(&s)
	s.end()
	if s.err == nil && e.AfterOnly && e.Op == Delete {
		e.decodeBefore(&s)
	}
	if s.err != nil {
		return s.err
	}
	return e.classify()
}

// decodeBefore goes back to the row that was passed over when the operation was
// not known yet.
func (e *Envelope) decodeBefore(s *scanner) {
	if e.before.Raw == nil {
		return
	}
	s.pos = e.before.Offset
	e.Before = decodeRow(s, &e.beforeMemory)
}

// decodeOuter reads an envelope or the wrapper around one.
func (e *Envelope) decodeOuter(s *scanner) {
	if s.word("null") {
		e.found |= fieldNull
		return
	}
	if !s.isObject("the value must be an object") {
		return
	}
	for name := range s.members {
		switch string(name) {
		case "schema":
			s.skipUnread()
			e.found |= fieldSchema
		case "payload":
			e.decodePayload(s)
		default:
			e.decodeMember(s, name)
		}
	}
}

func (e *Envelope) decodePayload(s *scanner) {
	switch {
	case s.word("null"):
		e.found |= fieldNull
	case s.peek() == '{':
		for name := range s.members {
			e.decodeMember(s, name)
		}
	default: // a column of a flattened row
		s.value()
		e.found |= fieldOther
	}
}

func (e *Envelope) decodeMember(s *scanner, name []byte) {
	switch string(name) {
	case "op":
		e.found |= fieldOp
		e.Op = decodeOp(s)
	case "source":
		e.found |= fieldSource
		e.Source.decode(s)
	case "before":
		e.found |= fieldBefore
		if e.AfterOnly {
			e.before = passOverRow(s)
			return
		}
		e.Before = decodeRow(s, &e.beforeMemory)
	case "after":
		e.found |= fieldAfter
		e.After = decodeRow(s, &e.afterMemory)
	default:
		e.found |= otherField(name)
		s.value()
	}
}

func otherField(name []byte) field {
	switch string(name) {
	case "ts_ms", "ts_us", "ts_ns":
		return fieldTimestamp
	case "status":
		return fieldStatus
	case "event_count":
		return fieldEventCount
	}
	return fieldOther
}

// decodeOp returns 0 for what no operation is called.
func decodeOp(s *scanner) Op {
	raw := s.value()
	if len(raw) == 3 && raw[0] == '"' && strings.IndexByte("cudrtm", raw[1]) >= 0 {
		return Op(raw[1])
	}
	s.refuse(ErrEnvelope, "unknown op "+shown(raw))
	return 0
}

// passOverRow moves over a row that decodeRow may read later.
func passOverRow(s *scanner) Value {
	if s.word("null") || !s.isObject(noRow) {
		return Value{}
	}
	start := s.pos
	s.skip(deepest + 1) // as deep as a row's values may be
	return Value{Raw: s.data[start:s.pos], Offset: start}
}

const noRow = "before and after must be objects"

// decodeRow reads a row into memory, which it replaces when it grows.
func decodeRow(s *scanner, memory *Row) Row {
	if s.word("null") {
		return nil
	}
	if !s.isObject(noRow) {
		return nil
	}
	row := (*memory)[:0]
	if row == nil {
		row = make(Row, 0, 16)
	}
	for name := range s.members {
		raw := s.value()
		row = append(row, Column{Name: name, Value: Value{Raw: raw, Offset: s.pos - len(raw)}})
	}
	*memory = row
	return row
}

// classify tells the kinds of records apart by the fields they have.
func (e *Envelope) classify() error {
	switch found := e.found &^ fieldSchema; {
	case found&fieldOp != 0:
		return e.classifyOp()
	case found&(fieldSource|fieldBefore|fieldAfter) != 0:
		return &Error{Kind: ErrEnvelope, Detail: "op is missing"}
	case found == 0:
		return &Error{Kind: ErrEnvelope, Detail: "an empty object"}
	case found == fieldNull:
		e.Kind = KindTombstone
	case found == fieldTimestamp:
		e.Kind = KindHeartbeat
	case found&fieldStatus != 0 && found&fieldEventCount != 0:
		e.Kind = KindTransaction
	default:
		return &Error{Kind: ErrFlattened, Detail: "neither op, source, before nor after"}
	}
	return nil
}

func (e *Envelope) classifyOp() error {
	if e.found&fieldSource == 0 {
		return &Error{Kind: ErrEnvelope, Detail: "source is missing"}
	}
	switch e.Op {
	case Truncate:
		e.Kind = KindTruncate
	case Message:
		e.Kind = KindMessage
	case Delete:
		if e.Before == nil {
			return &Error{Kind: ErrEnvelope, Detail: "a delete without before: the table has no replica identity"}
		}
	default:
		if e.After == nil {
			return &Error{Kind: ErrEnvelope, Detail: "op " + e.Op.String() + " without after"}
		}
	}
	return nil
}
