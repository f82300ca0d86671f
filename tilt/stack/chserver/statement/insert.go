package statement

import "strings"

// Insert is an INSERT of rows, as opposed to one of a SELECT's result.
type Insert struct {
	// Into is the text up to the columns: "INSERT INTO nova.t (a, b)".
	Into string
	// Target is the table or table function in it: "nova.t", "null('a Int8')".
	Target string
	// Table is the table's name without its database; empty for a function and
	// for a parameter.
	Table string
	// Columns are the names in brackets; nil when there are none, or when
	// there is an Expression such as * EXCEPT a.
	Columns []string
	// Expression is the text in the brackets when it is no list of names.
	Expression string
	// Settings is the SETTINGS clause without that word.
	Settings string
	// Format is the name after FORMAT, or Values.
	Format string
	// Inline are the rows that the text itself holds, without white space at
	// their ends; empty when they follow in another way.
	Inline string
}

// ParseInsert reads an INSERT of rows. ok is false for every other statement.
func ParseInsert(text string) (insert Insert, ok bool) {
	p := insertParser{lexer: lexer{text: text}}
	if t := p.next(); !p.is(t, "INSERT") {
		return Insert{}, false
	}
	if t := p.next(); !p.is(t, "INTO") {
		return Insert{}, false
	}
	if !p.target() || !p.clauses() {
		return Insert{}, false
	}
	return p.insert, true
}

type insertParser struct {
	lexer
	insert Insert
	ahead  token
}

// target reads [TABLE|FUNCTION] name[.name], a function call or a parameter, and
// leaves the token behind it in ahead.
func (p *insertParser) target() bool {
	t := p.next()
	isFunction := p.is(t, "FUNCTION")
	if isFunction || p.is(t, "TABLE") {
		t = p.next()
	}
	if p.is(t, "{") { // a parameter: {name:Identifier}
		return p.parameter(t)
	}
	if t.kind != word && t.kind != quotedName {
		return false
	}
	start, last := t.start, t
	for p.ahead = p.next(); p.is(p.ahead, "."); p.ahead = p.next() {
		if last = p.next(); last.kind != word && last.kind != quotedName {
			return false
		}
	}
	stop := last.end
	if isFunction {
		if stop = p.brackets(); stop == 0 {
			return false
		}
	} else {
		p.insert.Table = p.name(last)
	}
	p.insert.Target = p.text[start:stop]
	p.insert.Into = p.text[:stop]
	return true
}

// parameter reads a target that a parameter names, and which open starts.
func (p *insertParser) parameter(open token) bool {
	p.ahead = open
	stop := p.brackets()
	p.insert.Target = p.text[open.start:max(stop, open.start)]
	p.insert.Into = p.text[:stop]
	return stop != 0
}

// brackets passes a group in brackets that ahead starts, and returns its end.
func (p *insertParser) brackets() int {
	if !p.is(p.ahead, "(", "{") {
		return 0
	}
	for depth := p.ahead.depth; ; {
		t := p.next()
		if t.kind == end {
			return 0
		}
		if p.is(t, ")", "}") && t.depth == depth {
			p.ahead = p.next()
			return t.end
		}
	}
}

// clauses reads what stands between the target and the rows.
func (p *insertParser) clauses() bool {
	for settings := 0; ; {
		switch {
		case p.ahead.kind == end:
			p.endSettings(settings, p.ahead.start)
			p.insert.Format = "Values"
			return true
		case settings == 0 && p.is(p.ahead, "("):
			if !p.columns() {
				return false
			}
			continue
		case settings == 0 && p.is(p.ahead, "SETTINGS"):
			settings = p.ahead.end
		case p.is(p.ahead, "VALUES"):
			p.endSettings(settings, p.ahead.start)
			p.insert.Format = "Values"
			p.inline(p.ahead.end)
			return true
		case p.is(p.ahead, "FORMAT"):
			p.endSettings(settings, p.ahead.start)
			format := p.next()
			p.insert.Format = p.value(format)
			p.inline(format.end)
			return format.kind == word
		case p.ahead.depth == 0 && p.is(p.ahead, "SELECT", "WITH", "WATCH", "FROM", "EXPLAIN"):
			return false
		case settings == 0 && !p.is(p.ahead, ";"):
			// PARTITION BY of a function, and what is no INSERT at all.
			p.insert.Into = p.text[:p.ahead.end]
		}
		p.ahead = p.next()
	}
}

// columns reads a list of names in brackets; a SELECT in brackets is refused.
func (p *insertParser) columns() bool {
	start := p.ahead.end
	look := p.lexer
	if first := look.next(); look.is(first, "SELECT", "WITH", "(") {
		return false
	}
	names := p.lexer
	stop := p.brackets()
	if stop == 0 {
		return false
	}
	p.insert.Into = p.text[:stop]
	p.insert.Columns = names.names()
	if p.insert.Columns == nil {
		p.insert.Expression = strings.TrimSpace(p.text[start : stop-1])
	}
	return true
}

// names reads a, "b", c.d up to the closing bracket; nil when there is
// anything else.
func (l *lexer) names() []string {
	var names []string
	for {
		t := l.next()
		if t.kind != word && t.kind != quotedName {
			return nil
		}
		name := l.name(t)
		t = l.next()
		for ; l.is(t, "."); t = l.next() {
			name = strings.Join([]string{name, l.name(l.next())}, ".")
		}
		names = append(names, name)
		if l.is(t, ")") {
			return names
		}
		if !l.is(t, ",") {
			return nil
		}
	}
}

func (p *insertParser) endSettings(start, stop int) {
	if start != 0 {
		p.insert.Settings = strings.Trim(p.text[start:stop], " \t\r\n;")
	}
}

func (p *insertParser) inline(start int) {
	rows := strings.TrimSpace(p.text[start:])
	if strings.Trim(rows, "; \t\r\n") != "" {
		p.insert.Inline = rows
	}
}
