package cli

import (
	"bytes"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// held is a writer that can keep what it is given while a table is drawn in
// place on the same terminal.
type held struct {
	out io.Writer

	mu      sync.Mutex
	holding bool
	kept    bytes.Buffer
}

// Write implements io.Writer.
func (h *held) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.holding {
		return h.kept.Write(p)
	}
	return h.out.Write(p)
}

// hold keeps what is written until release is called, if out is a terminal.
func (h *held) hold() (release func()) {
	file, ok := h.out.(*os.File)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.holding = ok && term.IsTerminal(int(file.Fd()))
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.holding = false
		_, _ = h.kept.WriteTo(h.out)
	}
}
