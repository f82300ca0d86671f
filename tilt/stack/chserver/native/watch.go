package native

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// watch looks after the client while a statement runs.
type watch struct {
	run       *run
	finished  chan struct{}
	cancelled bool  // the client has said Cancel
	err       error // the client has gone, or has said something else
}

// watch calls cancel when the client cancels or goes, until stop is called.
// Nothing else may read from the client in between.
func (r *run) watch(cancel func()) *watch {
	w := &watch{run: r, finished: make(chan struct{})}
	go func() {
		defer close(w.finished)
		next, err := r.in.Peek(1)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			w.err = err
			cancel()
		case proto.ClientCode(next[0]) == proto.ClientCodeCancel:
			w.cancelled = true
			cancel()
		default:
			// ch-go says Hello when it cancels, and closes the connection.
			r.broken = true
			w.err = unexpectedPacket(next[0])
			cancel()
		}
	}()
	return w
}

func (w *watch) stop() {
	_ = w.run.socket.SetReadDeadline(time.Now())
	<-w.finished
	if err := w.run.socket.SetReadDeadline(time.Time{}); err != nil && w.err == nil {
		w.err = fmt.Errorf("reading from client: %w", err)
	}
	if w.cancelled {
		// What Peek has seen is there.
		_, _ = w.run.in.Discard(1)
	}
}
