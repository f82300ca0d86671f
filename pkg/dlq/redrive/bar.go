package redrive

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/consumer"
)

const (
	barWidth = 30
	// lineInterval is how often progress is told where it cannot be drawn.
	lineInterval = 10 * time.Second
)

// bar shows progress: drawn on a terminal, told elsewhere.
type bar struct {
	w          io.Writer
	isTerminal bool
	at         map[int]int64 // by partition
	done       int64
	total      int64
	started    time.Time
	told       time.Time
}

func newBar(w io.Writer, spans []consumer.Span) *bar {
	b := &bar{w: w, isTerminal: isTerminal(w), at: map[int]int64{}, started: time.Now(), told: time.Now()}
	for _, span := range spans {
		b.at[span.Partition] = span.From
		b.total += span.To - span.From
	}
	return b
}

func isTerminal(w io.Writer) bool {
	file, isFile := w.(*os.File)
	if !isFile {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// add takes note that a partition is done with up to next.
func (b *bar) add(partition int, next int64, what string) {
	if next > b.at[partition] { // a letter of before may come again
		b.done += next - b.at[partition]
		b.at[partition] = next
	}
	share := float64(b.done) / float64(max(1, b.total))
	text := fmt.Sprintf("%d of %d letters, %s", b.done, b.total, what)
	if left := b.left(share); left > time.Second {
		text += ", " + left.Round(time.Second).String() + " left"
	}
	switch {
	case b.isTerminal:
		full := int(share * barWidth)
		fmt.Fprintf(b.w, "\r\x1b[K[%s%s] %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), text)
	case time.Since(b.told) >= lineInterval:
		b.told = time.Now()
		fmt.Fprintln(b.w, text)
	}
}

func (b *bar) left(share float64) time.Duration {
	if share == 0 {
		return 0
	}
	return time.Duration(float64(time.Since(b.started)) * (1 - share) / share)
}

// end leaves the line on which the bar is drawn.
func (b *bar) end() {
	if b.isTerminal && b.done > 0 {
		fmt.Fprintln(b.w)
	}
}
