package statement

import "strings"

// IsSingle reports whether text holds at most one statement. The rows of an
// INSERT may hold anything and are not looked at.
func IsSingle(text string) bool {
	if _, ok := ParseInsert(text); ok {
		return true
	}
	l := lexer{text: text}
	ended := false
	for t := l.next(); t.kind != end; t = l.next() {
		if l.is(t, ";") && t.depth == 0 {
			ended = true
		} else if ended {
			return false
		}
	}
	return true
}

// IsSelect reports whether text starts as a SELECT does.
func IsSelect(text string) bool {
	l := lexer{text: text}
	t := l.next()
	for l.is(t, "(") {
		t = l.next()
	}
	return l.is(t, "SELECT", "WITH")
}

// WithoutFormat returns text without a final semicolon and without a FORMAT
// clause: a native client decides about the format by its protocol.
func WithoutFormat(text string) string {
	l := lexer{text: text}
	last := 0 // end of the last token that stays
	cut := token{}
	for t := l.next(); t.kind != end; t = l.next() {
		if t.depth == 0 && l.is(t, "FORMAT") && last > 0 {
			if format := l.next(); format.kind == word && l.endsOrContinues() {
				cut = token{start: t.start, end: format.end}
				continue
			}
		}
		if t.depth != 0 || !l.is(t, ";") {
			last = l.position
		}
	}
	if cut.end == 0 {
		return text[:last]
	}
	return text[:cut.start] + text[cut.end:max(last, cut.end)]
}

// endsOrContinues looks whether a FORMAT clause can end here: nothing, a
// semicolon or a SETTINGS clause follows.
func (l *lexer) endsOrContinues() bool {
	ahead := *l
	t := ahead.next()
	return t.kind == end || ahead.is(t, ";", "SETTINGS")
}

// Unquote returns the text that a string literal in quotes stands for. What is
// no such literal is returned unchanged.
func Unquote(value string) string {
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return value
	}
	inner := value[1 : len(value)-1]
	var text strings.Builder
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		if i+1 < len(inner) {
			if c == '\'' && inner[i+1] == '\'' {
				i++
			} else if c == '\\' {
				i++
				c = unescape(inner[i])
			}
		}
		text.WriteByte(c)
	}
	return text.String()
}

func unescape(c byte) byte {
	const letters, bytes = "abefnrtv0", "\a\b\x1b\f\n\r\t\v\x00"
	if at := strings.IndexByte(letters, c); at >= 0 {
		return bytes[at]
	}
	return c
}
