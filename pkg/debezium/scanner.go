package debezium

import (
	"encoding/binary"
	"math/bits"
)

// scanner reads JSON (RFC 8259) from front to back without building anything:
// what it returns are parts of data. The first error stays, moves the position
// to the end, and makes every later call a no-op, so callers check err once.
type scanner struct {
	data []byte
	pos  int
	err  error
}

// deepest is how far arrays and objects may nest: Debezium's nest six deep.
const deepest = 64

func (s *scanner) fail(detail string) { s.refuse(ErrSyntax, detail) }

func (s *scanner) refuse(kind error, detail string) {
	if s.err == nil {
		s.err = &Error{Kind: kind, Offset: s.pos, Detail: detail}
		s.pos = len(s.data)
	}
}

// peek moves over white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// accept moves over c if it comes next.
func (s *scanner) accept(c byte) bool {
	if s.peek() != c || s.pos == len(s.data) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) expect(c byte) {
	if !s.accept(c) {
		s.fail("expected " + string(rune(c)))
	}
}

// end requires that nothing but white space is left.
func (s *scanner) end() {
	if s.peek(); s.pos < len(s.data) {
		s.fail("more bytes after the value")
	}
}

// isObject tells whether an object comes next. Anything else is an error, and
// no envelope if it is well formed.
func (s *scanner) isObject(otherwise string) bool {
	if s.peek() == '{' {
		return true
	}
	start := s.pos
	s.value()
	if s.err == nil {
		s.pos = start
		s.refuse(ErrEnvelope, otherwise)
	}
	return false
}

// members is an iterator over an object's names, which must come next. The
// caller reads each member's value before it goes on to the next name.
func (s *scanner) members(yield func(name []byte) bool) {
	s.expect('{')
	if s.err != nil || s.accept('}') {
		return
	}
	for s.err == nil {
		name := s.name()
		s.expect(':')
		if s.err != nil || !yield(name) {
			return
		}
		if s.accept('}') {
			return
		}
		s.expect(',')
	}
}

func (s *scanner) name() []byte {
	raw, escaped := s.str()
	if !escaped {
		return raw
	}
	name, detail := appendUnescaped(nil, raw)
	if detail != "" {
		s.fail(detail)
	}
	return name
}

// str reads a string and returns what stands between its quotes.
func (s *scanner) str() (raw []byte, escaped bool) {
	if s.peek() != '"' {
		s.fail("expected a string")
		return nil, false
	}
	start := s.pos + 1
	for i := start; i < len(s.data); i++ {
		i += plain(s.data[i:])
		if i == len(s.data) {
			break
		}
		switch s.data[i] {
		case '"':
			s.pos = i + 1
			return s.data[start:i], escaped
		case '\\':
			escaped = true
			n := escapeLength(s.data[i:])
			if n == 0 {
				s.pos = i
				s.fail("invalid escape in a string")
				return nil, false
			}
			i += n - 1
		default:
			s.pos = i
			s.fail("control character in a string")
			return nil, false
		}
	}
	s.pos = len(s.data)
	s.fail("unfinished string")
	return nil, false
}

// plain is how many bytes at the start of b are neither quote, backslash nor
// control character. It takes eight bytes at a time: (x-1)&^x has its top bit
// set if a byte x is 0, and (x-' ')&^x if it is below ' '. A borrow disturbs
// only bytes above the first hit.
func plain(b []byte) int {
	const (
		each = 0x0101010101010101
		top  = 0x80 * each
	)
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		word := binary.LittleEndian.Uint64(b[n:])
		quote, backslash := word^('"'*each), word^('\\'*each)
		found := ((quote-each)&^quote | (backslash-each)&^backslash | (word-' '*each)&^word) & top
		if found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(b) && b[n] >= ' ' && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}

// escapeLength is the length of the escape sequence at the start of b, or 0.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

// value reads any value and returns its bytes.
func (s *scanner) value() []byte {
	s.peek()
	start := s.pos
	s.skip(deepest)
	if s.err != nil {
		return nil
	}
	return s.data[start:s.pos]
}

func (s *scanner) skip(depth int) {
	if depth == 0 {
		s.fail("nested too deeply")
		return
	}
	switch c := s.peek(); {
	case c == '"':
		s.str()
	case c == '{':
		for range s.members {
			s.skip(depth - 1)
		}
	case c == '[':
		s.skipArray(depth - 1)
	case c == '-' || isDigit(c):
		s.number()
	default:
		s.literal()
	}
}

func (s *scanner) skipArray(depth int) {
	s.expect('[')
	if s.accept(']') {
		return
	}
	for s.err == nil {
		s.skip(depth)
		if s.accept(']') {
			return
		}
		s.expect(',')
	}
}

// literal reads true, false or null.
func (s *scanner) literal() {
	for _, word := range []string{"null", "true", "false"} {
		if s.word(word) {
			return
		}
	}
	s.fail("expected a value")
}

// word moves over word if it comes next.
func (s *scanner) word(word string) bool {
	s.peek()
	rest := s.data[s.pos:]
	if len(rest) < len(word) || string(rest[:len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() {
	s.accept('-')
	switch {
	case s.here('0'):
		s.pos++
	default:
		s.digits()
	}
	if s.here('.') {
		s.pos++
		s.digits()
	}
	if s.here('e') || s.here('E') {
		s.pos++
		if s.here('+') || s.here('-') {
			s.pos++
		}
		s.digits()
	}
}

func (s *scanner) here(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		s.fail("expected a digit")
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
