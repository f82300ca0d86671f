package debezium

import (
	"bytes"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"
)

// Value is one column's value as it stands in the record: well-formed JSON.
// A reader's *Error has no Column: whoever knows the name adds it.
type Value struct {
	Raw    []byte
	Offset int // of Raw in the record's value
}

// Unavailable is what a column holds that was stored out of line (TOAST) and
// not changed, when the table's replica identity does not carry it.
const Unavailable = "__debezium_unavailable_value"

// IsNull tells whether the value is SQL's NULL.
func (v Value) IsNull() bool { return string(v.Raw) == "null" }

// IsUnavailable tells whether the value is the placeholder of an unchanged
// TOASTed column: text, an array of one text, or the text's bytes in base64, as
// the column's type has it.
func (v Value) IsUnavailable() bool {
	switch string(v.Raw) {
	case `"` + Unavailable + `"`, `["` + Unavailable + `"]`, `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`:
		return true
	}
	return false
}

// Unexpected returns the *Error of a value that is not what was expected.
func (v Value) Unexpected(expected string) error {
	return &Error{Kind: ErrValue, Offset: v.Offset, Detail: "expected " + expected + ", found " + shown(v.Raw)}
}

// quoted is the inside of a string without escapes.
func (v Value) quoted() (text []byte, ok bool) {
	if len(v.Raw) < 2 || v.Raw[0] != '"' || bytes.IndexByte(v.Raw, '\\') >= 0 {
		return nil, false
	}
	return v.Raw[1 : len(v.Raw)-1], true
}

// Text reads text, enum, inet, jsonb and whatever else arrives as a string. The
// result is a part of the record or, when the string has escapes, of *scratch,
// which grows as needed and belongs to the result from then on.
func (v Value) Text(scratch *[]byte) ([]byte, error) {
	if len(v.Raw) < 2 || v.Raw[0] != '"' {
		return nil, v.Unexpected("a string")
	}
	text := v.Raw[1 : len(v.Raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		unescaped, detail := appendUnescaped((*scratch)[:0], text)
		if detail != "" {
			return nil, v.Unexpected("text without a " + detail)
		}
		text, *scratch = unescaped, unescaped
	}
	if !utf8.Valid(text) {
		return nil, v.Unexpected("UTF-8")
	}
	return text, nil
}

// UUID reads a uuid. "", which a delete holds in place of an unknown NOT NULL
// uuid, is an error.
func (v Value) UUID() (id [16]byte, err error) {
	text, ok := v.quoted()
	if !ok || len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, v.Unexpected("a UUID")
	}
	into := id[:]
	for _, group := range [...][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
		n, err := hex.Decode(into, group)
		if err != nil {
			return id, v.Unexpected("a UUID")
		}
		into = into[n:]
	}
	return id, nil
}

// Bool reads a boolean.
func (v Value) Bool() (bool, error) {
	switch string(v.Raw) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, v.Unexpected("a boolean")
}

// Int reads smallint, integer and bigint: a whole number that fits into bits (16,
// 32, 64). It never goes through a float.
func (v Value) Int(bits int) (int64, error) {
	digits, negative := bytes.CutPrefix(v.Raw, []byte{'-'})
	magnitude, ok := parseUint(digits)
	limit := uint64(1) << (bits - 1)
	switch {
	case ok && !negative && magnitude < limit:
		return int64(magnitude), nil
	case ok && negative && magnitude <= limit:
		return -int64(magnitude), nil
	}
	return 0, v.Unexpected("an integer of " + strconv.Itoa(bits) + " bits")
}

// parseUint reads decimal digits and nothing else.
func parseUint(digits []byte) (n uint64, ok bool) {
	if len(digits) == 0 || len(digits) > mostDigits+1 {
		return 0, false
	}
	for _, c := range digits[:len(digits)-1] {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	last := digits[len(digits)-1]
	digit := uint64(last - '0')
	if !isDigit(last) || n > (math.MaxUint64-digit)/10 {
		return 0, false
	}
	return n*10 + digit, true
}

// Float reads real (32 bits) and double precision (64 bits), which arrive as
// numbers or as the strings "NaN", "Infinity" and "-Infinity". A number is the
// nearest that has that many bits; one beyond them all is an error.
func (v Value) Float(bits int) (float64, error) {
	if text, ok := v.quoted(); ok {
		switch string(text) {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
		return 0, v.Unexpected("a number")
	}
	f, err := strconv.ParseFloat(string(v.Raw), bits)
	if err != nil || v.Raw[0] != '-' && !isDigit(v.Raw[0]) {
		return 0, v.Unexpected("a number")
	}
	return f, nil
}
