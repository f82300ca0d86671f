package debezium

// skipUnread moves over a value by its brackets and quotes alone: what is
// between them is not checked.
func (s *scanner) skipUnread() {
	if c := s.peek(); c != '{' && c != '[' {
		s.skip(deepest)
		return
	}
	depth := 0
	for i := s.pos; i < len(s.data); i++ {
		switch s.data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				s.pos = i + 1
				return
			}
		case '"':
			i = closingQuote(s.data, i+1)
		}
	}
	s.fail("unfinished value")
}

// closingQuote is where the string ends whose first byte is at start, or
// len(data).
func closingQuote(data []byte, start int) int {
	for at := plainEnd(data, start); at < len(data); at = plainEnd(data, at) {
		switch data[at] {
		case '"':
			return at
		case '\\':
			at += 2
		default:
			at++
		}
	}
	return len(data)
}
