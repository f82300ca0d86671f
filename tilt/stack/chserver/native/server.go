package native

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/fault"
)

// Deps are what a Server works with.
type Deps struct {
	Engine *engine.Engine
	// Database is the current database of clients that name none.
	Database string
	// Faults is nil when there are to be none.
	Faults *fault.Plan
	// Exit ends the process, for a fault of that kind.
	Exit func()
	Log  *slog.Logger
}

// Server serves the native protocol.
type Server struct{ deps Deps }

// New returns a Server.
func New(deps Deps) *Server { return &Server{deps: deps} }

// Serve accepts connections until ctx ends, cancels what they run, and returns
// when the last one is closed. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		socket, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if isExhausted(err) {
			s.deps.Log.Warn("waiting to accept native connections", "error", err)
			pause(ctx)
			continue
		}
		if err != nil {
			return errors.Join(fmt.Errorf("accepting native connections: %w", err), listener.Close())
		}
		connections.Go(func() { s.serve(ctx, socket) })
	}
}

// isExhausted reports whether connections can be accepted again when others
// have ended.
func isExhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}

func pause(ctx context.Context) {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
}

// serve serves one connection to its end.
func (s *Server) serve(ctx context.Context, socket net.Conn) {
	c := newConnection(s.deps, socket)
	log := s.deps.Log.With("client", socket.RemoteAddr().String())
	defer func() {
		if p := recover(); p != nil {
			log.Error("serving native connection panicked", "panic", p)
		}
		c.close()
	}()
	// At the end of ctx nothing more is read, and what is under way can still
	// be answered.
	stop := context.AfterFunc(ctx, c.closeRead)
	defer stop()
	if err := c.run(ctx); err != nil {
		log.Debug("native connection ended", "error", err)
	}
}
