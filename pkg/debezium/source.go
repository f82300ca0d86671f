package debezium

import "bytes"

// Source is where and when a change was made.
type Source struct {
	Name   []byte // the connector's topic prefix
	DB     []byte
	Schema []byte
	Table  []byte
	// Snapshot is "false" for streamed changes, else which part of which
	// snapshot. Op tells the two apart; this is for information.
	Snapshot []byte
	// LSN is the change's own position in the WAL, 0 if the record has none. Rows
	// of an incremental snapshot have it in their sequence only.
	LSN uint64
	// TimestampMillis is the commit time in PostgreSQL since 1970.
	TimestampMillis int64
}

func (source *Source) decode(s *scanner) {
	if !s.isObject("source must be an object") {
		return
	}
	var sequence []byte
	for name := range s.members {
		switch string(name) {
		case "name":
			source.Name = sourceText(s)
		case "db":
			source.DB = sourceText(s)
		case "schema":
			source.Schema = sourceText(s)
		case "table":
			source.Table = sourceText(s)
		case "snapshot":
			source.Snapshot = sourceText(s)
		case "ts_ms":
			source.TimestampMillis = sourceInt(s)
		case "lsn":
			source.LSN = uint64(max(0, sourceInt(s)))
		case "sequence":
			sequence = s.value()
		default:
			s.value()
		}
	}
	if source.LSN == 0 {
		source.LSN = lastOfSequence(sequence)
	}
}

// sourceText reads a string, nil for null. Connectors of old write booleans
// where strings belong; those come back as they are written.
func sourceText(s *scanner) []byte {
	if s.peek() == '"' {
		return s.name()
	}
	if s.word("null") {
		return nil
	}
	return s.value()
}

// sourceInt reads a number, 0 for null.
func sourceInt(s *scanner) int64 {
	raw := s.value()
	value := Value{Raw: raw}
	if s.err != nil || value.IsNull() {
		return 0
	}
	n, err := value.Int(64)
	if err != nil {
		s.refuse(ErrEnvelope, "source holds "+shown(raw)+" where a number belongs")
	}
	return n
}

// lastOfSequence is the last member of a sequence that is a position, 0 if none
// is. A sequence is a JSON array of strings and nulls inside a string.
func lastOfSequence(sequence []byte) uint64 {
	var scratch []byte
	text, err := Value{Raw: sequence}.Text(&scratch)
	if err != nil {
		return 0
	}
	last := uint64(0)
	for member := range bytes.SplitSeq(bytes.Trim(text, "[]"), []byte{','}) {
		if n, ok := parseUint(bytes.Trim(member, `" `)); ok {
			last = n
		}
	}
	return last
}
