package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminDrain is how long requests under way have when the admin server ends.
const adminDrain = time.Second

// route is what a service adds to its admin server.
type route struct {
	pattern string
	handler http.Handler
}

// HandleAdmin serves a pattern of http.ServeMux, such as "POST /resume", on the
// admin address. It is to be called before ServeAdmin, which refuses a pattern
// that is wrong or taken.
func (t *Telemetry) HandleAdmin(pattern string, handler http.Handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.routes = append(t.routes, route{pattern, handler})
}

// ServeAdmin serves the admin address until ctx ends, and requests under way for
// a moment longer. It is a member of the service's run group: the first to start
// and the last to stop.
func (t *Telemetry) ServeAdmin(ctx context.Context) error {
	handler, err := t.AdminHandler()
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", t.adminAddr)
	if err != nil {
		return fmt.Errorf("listening for the admin server (ADMIN_ADDR): %w", err)
	}
	t.Log.Info("admin server listening", "addr", listener.Addr().String())
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(t.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
		return fmt.Errorf("serving the admin address: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminDrain)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		_ = server.Close() // a profile that is being taken, say
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the admin address: %w", err)
	}
	return nil
}

// AdminHandler returns the admin server's routes. Its error is a pattern given to
// HandleAdmin that is wrong or taken.
func (t *Telemetry) AdminHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		// One collector that fails does not hide what the others have.
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(t.Log.Handler(), slog.LevelWarn),
	}))
	mux.Handle("GET /readyz", t.Health)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, added := range t.routes {
		if err := handle(mux, added); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// handle makes an error of the panic by which a mux refuses a pattern.
func handle(mux *http.ServeMux, added route) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("adding %q to the admin server: %v", added.pattern, problem)
		}
	}()
	mux.Handle(added.pattern, added.handler)
	return nil
}
