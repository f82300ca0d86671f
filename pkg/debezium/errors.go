package debezium

import (
	"errors"
	"fmt"
	"strconv"
)

// What can be wrong with a record; errors.Is tells them apart.
var (
	// ErrSyntax: the bytes are not JSON.
	ErrSyntax = errors.New("malformed JSON")
	// ErrEnvelope: JSON, but not an envelope of Debezium's.
	ErrEnvelope = errors.New("not a Debezium envelope")
	// ErrFlattened: a bare row without an envelope, as the ExtractNewRecordState
	// transformation makes it. It has no LSN, so it cannot be ordered.
	ErrFlattened = errors.New("flattened by ExtractNewRecordState: remove that transformation from the connector")
	// ErrValue: a column's value is not of the type its reader expects.
	ErrValue = errors.New("unexpected value")
	// ErrPosition: the change has no usable WAL position.
	ErrPosition = errors.New("no usable LSN")
)

// Error is a record that cannot be used: which kind of wrong, and where.
type Error struct {
	Kind   error  // one of the errors above
	Column string // "" when it is about no column
	Offset int    // of the byte in the record's value where it shows
	Detail string // what was found or missed
}

func (e *Error) Error() string {
	text := e.Kind.Error()
	if e.Column != "" {
		text = fmt.Sprintf("column %q: %s", e.Column, text)
	}
	return fmt.Sprintf("%s: %s at byte %d", text, e.Detail, e.Offset)
}

func (e *Error) Unwrap() error { return e.Kind }

// shown is a piece of a record as an error tells it: quoted, at most 40 bytes.
func shown(raw []byte) string {
	const most = 40
	if len(raw) > most {
		return strconv.Quote(string(raw[:most])) + "…"
	}
	return strconv.Quote(string(raw))
}
