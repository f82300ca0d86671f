package chserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/fault"
	"github.com/nova-data/nova/tilt/stack/chserver/httpapi"
	"github.com/nova-data/nova/tilt/stack/chserver/native"
	"github.com/nova-data/nova/tilt/stack/chserver/repair"
)

// Database exists from the start, and is the current one of clients that name
// none.
const Database = "nova"

// httpDrain is how long requests have to end at the end of Run.
const httpDrain = 10 * time.Second

// Config says what to serve.
type Config struct {
	// DataDir holds all data; it is created when it is missing.
	DataDir string
	// Listen and HTTP are the addresses of the native protocol and of HTTP;
	// with port 0 a free one is taken.
	Listen, HTTP string
	// Library is the path of the engine's library; see engine.LibraryPath.
	Library string
	// Repair takes orphan tokens away before the engine opens the data.
	Repair bool
	// Faults lets POST /faults plan faults.
	Faults bool
	// Settings hold in every session that does not say otherwise.
	Settings map[string]string
}

// Deps are what Run works with.
type Deps struct {
	Log *slog.Logger
	// Ready is called with the addresses when both are served.
	Ready func(native, http net.Addr)
	// Exit ends the process, for a planned fault of that kind.
	Exit func()
}

// Run serves until ctx ends. The working directory must be empty.
func Run(ctx context.Context, cfg Config, deps Deps) (err error) {
	nativeListener, httpListener, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	opened, err := open(cfg, deps.Log)
	if err != nil {
		return errors.Join(err, nativeListener.Close(), httpListener.Close())
	}
	defer func() { err = errors.Join(err, opened.Close()) }()

	var faults *fault.Plan
	if cfg.Faults {
		faults = &fault.Plan{}
	}
	web := httpapi.Deps{Engine: opened, Database: Database, Faults: faults, Exit: deps.Exit, Log: deps.Log}
	server := native.New(native.Deps{Engine: opened, Database: Database, Faults: faults, Exit: deps.Exit, Log: deps.Log})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Serve(ctx, nativeListener) })
	group.Go(func() error { return serveHTTP(ctx, httpListener, httpapi.New(web)) })
	deps.Ready(nativeListener.Addr(), httpListener.Addr())
	return group.Wait()
}

func listen(ctx context.Context, cfg Config) (nativeListener, httpListener net.Listener, err error) {
	var config net.ListenConfig
	if nativeListener, err = config.Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, nil, fmt.Errorf("listening for the native protocol: %w", err)
	}
	if httpListener, err = config.Listen(ctx, "tcp", cfg.HTTP); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("listening for HTTP: %w", err), nativeListener.Close())
	}
	return nativeListener, httpListener, nil
}

func open(cfg Config, log *slog.Logger) (*engine.Engine, error) {
	library, err := engine.LibraryPath(cfg.Library)
	if err != nil {
		return nil, err
	}
	opening := engine.Config{Library: library, DataDir: cfg.DataDir, Database: Database}
	for _, name := range slices.Sorted(maps.Keys(cfg.Settings)) {
		opening.Settings = append(opening.Settings, engine.Setting{Name: name, Value: cfg.Settings[name], Important: true})
	}
	if cfg.Repair {
		opening.Prepare = func(store string) error {
			_, err := repair.Run(store, log)
			return err
		}
	}
	return engine.Open(opening)
}

func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		cancel()
		drain, cancelDrain := context.WithTimeout(context.WithoutCancel(ctx), httpDrain)
		defer cancelDrain()
		stopped <- server.Shutdown(drain)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serving HTTP: %w", err)
	}
	if err := <-stopped; err != nil {
		return errors.Join(fmt.Errorf("ending HTTP requests: %w", err), server.Close())
	}
	return nil
}
