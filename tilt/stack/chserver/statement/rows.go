package statement

import "strings"

// RowsOffset returns where the rows of an INSERT start in a text that holds both:
// behind FORMAT and its name or VALUES, blanks, and at most one line end. The rows
// may be binary. For any other statement it is the length of the text.
func RowsOffset(text string) int {
	p := insertParser{lexer: lexer{text: text}}
	if insert, into := p.next(), p.next(); !p.is(insert, "INSERT") || !p.is(into, "INTO") {
		return len(text)
	}
	if !p.target() || !p.clauses() {
		return len(text)
	}
	rows := strings.TrimLeft(text[p.position:], " \t\f")
	if _, behind, ok := strings.Cut(rows, "\n"); ok && strings.Trim(rows[:len(rows)-len(behind)-1], "\r") == "" {
		rows = behind
	}
	return len(text) - len(rows)
}

// Format returns the name in the FORMAT clause of a text, empty when it has none.
func Format(text string) string {
	l := lexer{text: text}
	name := ""
	for t := l.next(); t.kind != end; t = l.next() {
		if t.depth != 0 || t.start == 0 || !l.is(t, "FORMAT") {
			continue
		}
		if format := l.next(); format.kind == word && l.endsOrContinues() {
			name = l.value(format)
		}
	}
	return name
}
