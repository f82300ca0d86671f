package statement

import "strings"

type kind byte

const (
	end         kind = iota
	word             // keyword, bare identifier or number
	quotedName       // "name" or `name`
	literal          // 'text' or $tag$text$tag$
	punctuation      // one byte
)

// token is text[start:end] at a depth of brackets; a closing bracket has the
// depth of its opening one.
type token struct {
	kind       kind
	start, end int
	depth      int
}

// lexer cuts SQL into tokens, leaving out white space and comments.
type lexer struct {
	text     string
	position int
	depth    int
}

func (l *lexer) next() token {
	l.skipBlank()
	t := token{start: l.position, depth: l.depth}
	if l.position == len(l.text) {
		t.end = l.position
		return t
	}
	c := l.text[l.position]
	switch {
	case c == '\'':
		t.kind = literal
		l.skipQuoted(c)
	case c == '"' || c == '`':
		t.kind = quotedName
		l.skipQuoted(c)
	case c == '$' && l.skipHeredoc():
		t.kind = literal
	case isWordByte(c):
		t.kind = word
		for l.position < len(l.text) && isWordByte(l.text[l.position]) {
			l.position++
		}
	default:
		t.kind = punctuation
		t.depth = l.bracket(c)
		l.position++
	}
	t.end = l.position
	return t
}

// bracket follows the nesting and returns the depth of c itself.
func (l *lexer) bracket(c byte) int {
	switch c {
	case '(', '[', '{':
		l.depth++
		return l.depth - 1
	case ')', ']', '}':
		l.depth = max(l.depth-1, 0)
	}
	return l.depth
}

func (l *lexer) skipBlank() {
	for l.position < len(l.text) {
		rest := l.text[l.position:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v\x00", rest[0]) >= 0:
			l.position++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "#!"), strings.HasPrefix(rest, "# "):
			l.skipPast(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			l.skipPast(rest, "*/")
		default:
			return
		}
	}
}

func (l *lexer) skipPast(rest, mark string) {
	at := strings.Index(rest, mark)
	if at < 0 {
		l.position = len(l.text)
		return
	}
	l.position += at + len(mark)
}

// skipQuoted passes a text in quotes; a doubled quote continues it as the text
// that follows, which comes to the same.
func (l *lexer) skipQuoted(quote byte) {
	for l.position++; l.position < len(l.text); l.position++ {
		switch l.text[l.position] {
		case '\\':
			l.position++
		case quote:
			l.position++
			return
		}
	}
	l.position = len(l.text)
}

// skipHeredoc passes $tag$text$tag$ if there is one.
func (l *lexer) skipHeredoc() bool {
	rest := l.text[l.position:]
	tag := strings.IndexByte(rest[1:], '$')
	if tag < 0 || strings.TrimFunc(rest[1:tag+1], func(r rune) bool { return r < 128 && isWordByte(byte(r)) && r != '$' }) != "" {
		return false
	}
	mark := rest[:tag+2]
	closing := strings.Index(rest[len(mark):], mark)
	if closing < 0 {
		return false
	}
	l.position += len(mark) + closing + len(mark)
	return true
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (l *lexer) value(t token) string { return l.text[t.start:t.end] }

// is reports whether t is one of these keywords or punctuation marks, given
// in upper case.
func (l *lexer) is(t token, values ...string) bool {
	if t.kind != word && t.kind != punctuation {
		return false
	}
	for _, value := range values {
		if strings.EqualFold(l.value(t), value) {
			return true
		}
	}
	return false
}

// name returns the identifier that t stands for.
func (l *lexer) name(t token) string {
	value := l.value(t)
	if t.kind != quotedName || len(value) < 2 {
		return value
	}
	quote, inner := value[:1], value[1:len(value)-1]
	var name strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) || strings.HasPrefix(inner[i:], quote+quote) {
			i++
		}
		name.WriteByte(inner[i])
	}
	return name.String()
}
