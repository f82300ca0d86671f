package debezium

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

// peek moves over white space and returns the next byte, 0 at the end. The
// connector writes no white space.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) && s.data[s.pos] > ' ' {
		return s.data[s.pos]
	}
	return s.peekPastSpace()
}

func (s *scanner) peekPastSpace() byte {
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
	if s.here(c) {
		s.pos++
		return
	}
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
		name := s.memberName()
		if s.err != nil || !yield(name) {
			return
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return
		default:
			s.fail("expected ,")
		}
	}
}

// memberName reads a name and the colon after it.
func (s *scanner) memberName() (name []byte) {
	data, pos := s.data, s.pos
	if pos < len(data) && data[pos] == '"' {
		end := plainEnd(data, pos+1)
		if end+1 < len(data) && data[end] == '"' && data[end+1] == ':' {
			s.pos = end + 2
			return data[pos+1 : end]
		}
	}
	name = s.name() // with escapes or white space
	s.expect(':')
	return name
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
	for at := plainEnd(s.data, start); at < len(s.data); at = plainEnd(s.data, at) {
		switch s.data[at] {
		case '"':
			s.pos = at + 1
			return s.data[start:at], escaped
		case '\\':
			escaped = true
			n := escapeLength(s.data[at:])
			if n == 0 {
				s.pos = at
				s.fail("invalid escape in a string")
				return nil, false
			}
			at += n
		default:
			s.pos = at
			s.fail("control character in a string")
			return nil, false
		}
	}
	s.pos = len(s.data)
	s.fail("unfinished string")
	return nil, false
}

// value reads any value and returns its bytes.
func (s *scanner) value() []byte {
	data, pos := s.data, s.pos
	if pos < len(data) && data[pos] == '"' {
		end := plainEnd(data, pos+1)
		if end < len(data) && data[end] == '"' {
			s.pos = end + 1
			return data[pos : end+1]
		}
	}
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
	switch c := s.peek(); c {
	case '"':
		s.str()
	case '{':
		for range s.members {
			s.skip(depth - 1)
		}
	case '[':
		s.skipArray(depth - 1)
	case 'n':
		s.literal("null")
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	default:
		if c != '-' && !isDigit(c) {
			s.fail("expected a value")
			return
		}
		s.number()
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

func (s *scanner) literal(word string) {
	if !s.word(word) {
		s.fail("expected a value")
	}
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
	if s.here('-') {
		s.pos++
	}
	if s.here('0') {
		s.pos++
	} else {
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
	at := s.pos
	for at < len(s.data) && isDigit(s.data[at]) {
		at++
	}
	if at == s.pos {
		s.fail("expected a digit")
		return
	}
	s.pos = at
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
