package board

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// The escape sequences that a table drawn in place needs. Between begin and
// end a terminal that knows them shows nothing, so that no half-drawn table is
// seen; others ignore them.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h\x1b[H"
	endFrame    = "\x1b[J\x1b[?2026l"
	endLine     = "\x1b[K"
)

// display shows views one after the other.
type display interface {
	show(v View) error
	// close leaves the output as it was, with the last view in it.
	close() error
}

// How often the board changes: a file or a pipe keeps every line.
const (
	screenInterval = time.Second
	linesInterval  = 5 * time.Second
)

// newDisplay draws on terminals, and writes lines elsewhere.
func newDisplay(out *os.File) (shown display, interval time.Duration, err error) {
	descriptor := int(out.Fd())
	if !term.IsTerminal(descriptor) {
		return lines{out}, linesInterval, nil
	}
	s := &screen{out: out, size: func() (int, int, error) { return term.GetSize(descriptor) }}
	return s, screenInterval, s.open()
}

// lines is an output that keeps everything.
type lines struct{ out io.Writer }

func (l lines) show(v View) error { return write(l.out, Line(v)+"\n") }

func (l lines) close() error { return nil }

// screen is a terminal. The table lives on its alternate screen, so what was on
// it before comes back.
type screen struct {
	out  io.Writer
	size func() (width, height int, err error)
	last View
}

func (s *screen) open() error { return write(s.out, enterScreen) }

// show draws over the last table, cut to the terminal's size of this moment.
func (s *screen) show(v View) error {
	width, height, err := s.size()
	if err != nil {
		return fmt.Errorf("reading the terminal's size: %w", err)
	}
	s.last = v
	drawn := Render(v, width, true)
	drawn = drawn[:min(len(drawn), max(height, 1))]
	return write(s.out, beginFrame+strings.Join(drawn, endLine+"\r\n")+endLine+endFrame)
}

func (s *screen) close() error {
	width, _, err := s.size()
	if err != nil || len(s.last.Parts)+len(s.last.Rates) == 0 {
		return write(s.out, leaveScreen)
	}
	return write(s.out, leaveScreen+strings.Join(Render(s.last, width, false), "\n")+"\n")
}

func write(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("writing the board: %w", err)
	}
	return nil
}
