package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	// maxHeaderBytes is where net/http cuts a client off in plain text. An API that
	// wants to answer in its own form has a limit below it.
	maxHeaderBytes = 64 << 10
)

// Settings are what an API is served with. All of it is required.
type Settings struct {
	// Name is that of the API, in logs and errors.
	Name string
	// Addr is host:port; Variable is what an operator sets it by.
	Addr, Variable string
	// ReadTimeout is for receiving a request, AnswerTimeout for answering it, and
	// IdleTimeout for a connection without one.
	ReadTimeout, AnswerTimeout, IdleTimeout time.Duration
}

// DrainTime is how long requests under way may take to be finished.
func (s Settings) DrainTime() time.Duration { return s.ReadTimeout + s.AnswerTimeout }

// Server serves one API.
type Server struct {
	settings Settings
	listener net.Listener
	server   *http.Server
}

// Listen takes the address for an API that handler answers.
func Listen(ctx context.Context, settings Settings, handler http.Handler, log *slog.Logger) (*Server, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", settings.Addr)
	if err != nil {
		return nil, fmt.Errorf("listening for the %s (%s): %w", settings.Name, settings.Variable, err)
	}
	log.Info("API listening", "api", settings.Name, "addr", listener.Addr().String())
	return &Server{
		settings: settings,
		listener: listener,
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       settings.ReadTimeout,
			WriteTimeout:      settings.DrainTime() + headerTimeout,
			IdleTimeout:       settings.IdleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// Run serves until ctx ends, then takes no new requests and finishes those under
// way, each within its own time limits.
func (s *Server) Run(ctx context.Context) error {
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.settings.DrainTime())
		defer cancel()
		drained <- s.server.Shutdown(drain)
	})
	err := s.server.Serve(s.listener)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the %s: %w", s.settings.Name, err)
	}
	if err := <-drained; err != nil {
		return errors.Join(fmt.Errorf("finishing requests: %w", err), s.server.Close())
	}
	return nil
}
