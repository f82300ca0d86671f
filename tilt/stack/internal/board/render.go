package board

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// gap is between two panels that stand side by side.
const gap = 3

// readyWidth is where the list of ready parts breaks.
const readyWidth = 60

const (
	bold  = "\x1b[1m"
	alarm = "\x1b[31m"
	plain = "\x1b[0m"
)

// panel is a small table: the first row is its heading, the first column is
// aligned left, and the others right, or left too when it holds texts.
type panel struct {
	rows  [][]string
	texts bool
	alarm []int // rows that need attention
}

// Render draws v into lines of at most width characters. Styled lines carry
// escape sequences on top of that.
func Render(v View, width int, styled bool) []string {
	title := fit(heading(v), width)
	if styled {
		title = bold + title + plain
	}
	drawn := []string{title}
	for _, row := range arrange(panels(v), width) {
		drawn = append(append(drawn, ""), beside(row, width, styled)...)
	}
	return drawn
}

func heading(v View) string {
	text := "Nova pipeline, running " + clock(v.Running)
	if v.Remaining > 0 {
		text += ", " + clock(v.Remaining) + " to go"
	}
	return text
}

// arrange puts panels side by side where the width allows.
func arrange(all []panel, width int) (rows [][]panel) {
	used := width
	for _, b := range all {
		need := gap + b.width()
		if used+need > width {
			rows = append(rows, nil)
			used, need = 0, b.width()
		}
		used += need
		rows[len(rows)-1] = append(rows[len(rows)-1], b)
	}
	return rows
}

// beside draws panels next to each other.
func beside(row []panel, width int, styled bool) (lines []string) {
	height := 0
	for _, b := range row {
		height = max(height, len(b.rows))
	}
	for y := range height {
		var line strings.Builder
		for i, b := range row {
			last := i == len(row)-1
			line.WriteString(b.line(y, width, styled, last))
			if !last {
				line.WriteString(strings.Repeat(" ", gap))
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// line draws row y, cut to width and, unless it is the last of its line, filled
// to the panel's own width.
func (b panel) line(y, width int, styled, last bool) string {
	own := min(b.width(), width)
	if y >= len(b.rows) {
		return strings.Repeat(" ", own)
	}
	cells := make([]string, len(b.rows[y]))
	for x, column := range b.columns() {
		cells[x] = fill(b.rows[y][x], column, x > 0 && !b.texts)
	}
	text := fit(strings.TrimRight(strings.Join(cells, "  "), " "), width)
	padding := ""
	if !last {
		padding = strings.Repeat(" ", max(own-utf8.RuneCountInString(text), 0))
	}
	switch {
	case styled && y == 0:
		text = bold + text + plain
	case styled && slices.Contains(b.alarm, y):
		text = alarm + text + plain
	}
	return text + padding
}

// columns returns the width of each column.
func (b panel) columns() []int {
	widths := make([]int, len(b.rows[0]))
	for _, row := range b.rows {
		for x, cell := range row {
			widths[x] = max(widths[x], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func (b panel) width() int {
	total := 2 * (len(b.rows[0]) - 1)
	for _, column := range b.columns() {
		total += column
	}
	return total
}
