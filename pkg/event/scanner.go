package event

import (
	"bytes"
	"encoding/json"
	"math/bits"
	"strconv"
)

// deepest is how far a value may nest.
const deepest = 32

// kind tells JSON values apart by their first byte.
type kind byte

const (
	kindString  kind = '"'
	kindNumber  kind = '0'
	kindLiteral kind = 't' // true or false
	kindNull    kind = 'n'
	kindObject  kind = '{'
	kindArray   kind = '['
)

// scanner reads JSON (RFC 8259) from front to back; what it returns are parts of
// text. Its first error stays, moves it to the end, and makes every later call a
// no-op, so callers look at it once.
type scanner struct {
	text string
	pos  int
	rule string // what the text should have been; empty while it is well formed
}

func (s *scanner) fail(want string) {
	if s.rule == "" {
		s.rule = "must be JSON with " + want + " at byte " + strconv.Itoa(s.pos)
		s.pos = len(s.text)
	}
}

func (s *scanner) isFine() bool { return s.rule == "" }

// peek moves over white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// accept moves over c if it comes next.
func (s *scanner) accept(c byte) bool {
	if s.peek() != c || s.pos == len(s.text) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) expect(c byte) {
	if !s.accept(c) {
		s.fail("a " + strconv.QuoteRune(rune(c)))
	}
}

func (s *scanner) end() {
	if s.peek(); s.pos < len(s.text) {
		s.fail("nothing more")
	}
}

// members calls member with each name of the object that comes next; member
// reads the value.
func (s *scanner) members(member func(name string)) {
	s.expect('{')
	if !s.isFine() || s.accept('}') {
		return
	}
	for s.isFine() {
		name := s.str()
		s.expect(':')
		if !s.isFine() {
			return
		}
		member(name)
		if s.accept('}') {
			return
		}
		s.expect(',')
	}
}

// elements calls element at each element of the array that comes next; element
// reads it.
func (s *scanner) elements(element func()) {
	s.expect('[')
	if !s.isFine() || s.accept(']') {
		return
	}
	for s.isFine() {
		element()
		if s.accept(']') {
			return
		}
		s.expect(',')
	}
}

// value reads any value: the text of a string, another value as it stands.
func (s *scanner) value() (kind, string) {
	c := s.peek()
	start := s.pos
	switch c {
	case '"':
		return kindString, s.str()
	case '{', '[':
		s.skip(deepest)
		return kind(c), s.text[start:s.pos]
	case 't', 'f':
		s.skip(deepest)
		return kindLiteral, s.text[start:s.pos]
	case 'n':
		s.skip(deepest)
		return kindNull, s.text[start:s.pos]
	default:
		s.number()
		return kindNumber, s.text[start:s.pos]
	}
}

func (s *scanner) skip(depth int) {
	if depth == 0 {
		s.fail("no value nested deeper than " + strconv.Itoa(deepest))
		return
	}
	switch s.peek() {
	case '"':
		s.rawString()
	case '{':
		s.skipObject(depth - 1)
	case '[':
		s.elements(func() { s.skip(depth - 1) })
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

func (s *scanner) skipObject(depth int) { s.members(func(string) { s.skip(depth) }) }

func (s *scanner) word(word string) {
	if len(s.text)-s.pos < len(word) || s.text[s.pos:s.pos+len(word)] != word {
		s.fail("a value")
		return
	}
	s.pos += len(word)
}

// str reads a string and returns its text. A lone surrogate, which a client gets
// by cutting a string in half, becomes U+FFFD.
func (s *scanner) str() string {
	quoted, isEscaped := s.rawString()
	if !s.isFine() {
		return ""
	}
	if !isEscaped {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	_ = json.Unmarshal([]byte(quoted), &text) // rawString has checked it
	return text
}

// rawString reads a string and returns it with its quotes.
func (s *scanner) rawString() (quoted string, isEscaped bool) {
	if s.peek() != '"' {
		s.fail("a string")
		return "", false
	}
	start := s.pos
	for s.pos = plain(s.text, s.pos+1); s.pos < len(s.text); s.pos = plain(s.text, s.pos+1) {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			return s.text[start:s.pos], isEscaped
		case c == '\\':
			isEscaped = true
			length := escapeLength(s.text[s.pos:])
			if length == 0 {
				s.fail("a valid escape")
				return "", false
			}
			s.pos += length - 1
		case c < ' ':
			s.fail("control characters escaped")
			return "", false
		}
	}
	s.pos = len(s.text)
	s.fail("an end of the string")
	return "", false
}

// plain returns where, from pos on, the first byte stands that means something in a
// string: a quote, a backslash or a control character; or the start of the last bytes,
// less than eight, which it does not look at. It looks at eight bytes at a time: of a
// word XORed with c in each byte, the lowest bit of (w - 0x01…01) &^ w & 0x80…80 is in
// the first byte that is c, and that of (w - 0x20…20) &^ w & 0x80…80 in the first below
// ' '.
func plain(text string, pos int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; pos+8 <= len(text); pos += 8 {
		w := word(text[pos : pos+8])
		quote, backslash := w^(ones*'"'), w^(ones*'\\')
		found := ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*' ')&^w) & highs
		if found != 0 {
			return pos + bits.TrailingZeros64(found)/8
		}
	}
	return pos
}

// word is eight bytes as a number, the first the lowest.
func word(text string) uint64 {
	_ = text[7]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}

// escapeLength is the length of the escape sequence at the start of text, or 0.
func escapeLength(text string) int {
	if len(text) < len(`\n`) {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return len(`\n`)
	case 'u':
		if len(text) < len(`\u0000`) {
			return 0
		}
		if _, err := strconv.ParseUint(text[2:len(`\u0000`)], 16, 16); err == nil {
			return len(`\u0000`)
		}
	}
	return 0
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() {
	s.acceptHere("-")
	if !s.acceptHere("0") {
		s.digits()
	}
	if s.acceptHere(".") {
		s.digits()
	}
	if s.acceptHere("eE") {
		s.acceptHere("+-")
		s.digits()
	}
}

// acceptHere moves over the next byte if it is one of set.
func (s *scanner) acceptHere(set string) bool {
	if s.pos == len(s.text) {
		return false
	}
	for i := range len(set) {
		if s.text[s.pos] == set[i] {
			s.pos++
			return true
		}
	}
	return false
}

func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.text) && '0' <= s.text[s.pos] && s.text[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.fail("a value")
	}
}

// compact takes the white space out of a value that a scanner has read.
func compact(value string) string {
	var buffer bytes.Buffer
	_ = json.Compact(&buffer, []byte(value))
	return buffer.String()
}
