package api

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
	headerTimeout  = 5 * time.Second
	maxHeaderBytes = 32 << 10
)

// Server serves a Handler on Config.Addr.
type Server struct {
	listener net.Listener
	server   *http.Server
	deadline time.Duration
}

// Listen takes the address, so that a port in use is known before anything runs.
func Listen(ctx context.Context, cfg Config, handler http.Handler, log *slog.Logger) (*Server, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listening for readers (HTTP_ADDR): %w", err)
	}
	log.Info("jobs API listening", "addr", listener.Addr().String())
	return &Server{
		listener: listener,
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       cfg.ReadTimeout,
			WriteTimeout:      cfg.DrainTime() + headerTimeout,
			IdleTimeout:       cfg.IdleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
		deadline: cfg.DrainTime(),
	}, nil
}

// Run serves until ctx ends, then takes no new requests and finishes those under
// way, each within its own time limits.
func (s *Server) Run(ctx context.Context) error {
	drained := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deadline)
		defer cancel()
		drained <- s.server.Shutdown(drain)
	})
	err := s.server.Serve(s.listener)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving readers: %w", err)
	}
	if err := <-drained; err != nil {
		return errors.Join(fmt.Errorf("finishing requests: %w", err), s.server.Close())
	}
	return nil
}
