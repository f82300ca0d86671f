package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	// maxHeaderBytes is where net/http cuts a client off in plain text, 4 KiB further
	// on. An API that wants to answer in its own form has a limit below it.
	maxHeaderBytes = 36 << 10
	// MaxConnections is the default of Settings.MaxConnections. A connection that sends
	// slowly holds its headers, so this times maxHeaderBytes is what strangers can make
	// a server remember.
	MaxConnections = 4096
	// drainSlack is how much later than its last request a server may end: it looks
	// for that twice a second.
	drainSlack = time.Second
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
	// MaxConnections is how many connections there may be; more wait to be accepted. 0
	// means MaxConnections.
	MaxConnections int
}

// requestTime is how long a request may take.
func (s Settings) requestTime() time.Duration { return s.ReadTimeout + s.AnswerTimeout }

// DrainTime is how long it may take to finish the requests under way.
func (s Settings) DrainTime() time.Duration { return s.requestTime() + drainSlack }

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
	listener = limit(listener, cmp.Or(settings.MaxConnections, MaxConnections))
	return &Server{
		settings: settings,
		listener: listener,
		server: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       settings.ReadTimeout,
			WriteTimeout:      settings.requestTime() + headerTimeout,
			IdleTimeout:       settings.IdleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          stdlog.New(complaints{log}, "", 0),

			DisableGeneralOptionsHandler: true, // the handler answers all there is
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

// complaints is where net/http's own words go: a handler's panic and an accept that
// fails are the operator's business, what clients do wrong is not.
type complaints struct{ log *slog.Logger }

// Write implements io.Writer.
func (c complaints) Write(line []byte) (int, error) {
	text, level := strings.TrimSpace(string(line)), slog.LevelDebug
	if strings.HasPrefix(text, "http: panic serving") || strings.HasPrefix(text, "http: Accept error") {
		level = slog.LevelError
	}
	c.log.Log(context.Background(), level, "the HTTP server complains", "error", text)
	return len(line), nil
}
