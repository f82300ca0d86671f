package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/nova-data/nova/tilt/stack/chserver/engine"
	"github.com/nova-data/nova/tilt/stack/chserver/fault"
)

// Deps is what the interface works with.
type Deps struct {
	// Engine runs the queries.
	Engine *engine.Engine
	// Database is the current one of queries that name none.
	Database string
	// Faults is the plan that /faults controls and INSERTs follow; nil when faults
	// cannot be planted.
	Faults *fault.Plan
	// Exit ends the process at once, for a fault that says so.
	Exit func()
	// Log takes what cannot be told to the client.
	Log *slog.Logger
}

// New returns the HTTP interface.
func New(deps Deps) http.Handler {
	h := &handler{Deps: deps}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", h.serveRoot)
	mux.HandleFunc("GET /ping", serveOK)
	if deps.Faults != nil {
		mux.Handle("/faults", deps.Faults)
	}
	return mux
}

type handler struct {
	Deps
}

// serveOK answers that the server is alive.
func serveOK(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = w.Write([]byte("Ok.\n")) // a client that has gone needs no answer
}

// serveRoot answers /: a query, or a sign of life when there is none.
func (h *handler) serveRoot(w http.ResponseWriter, r *http.Request) {
	switch {
	case isRead(r.Method) && !r.URL.Query().Has("query") && r.ContentLength == 0:
		serveOK(w, r)
	case isRead(r.Method), r.Method == http.MethodPost:
		h.serveQuery(w, r)
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotImplemented)
	}
}

// serveQuery runs a query and answers with its result or its error.
func (h *handler) serveQuery(w http.ResponseWriter, r *http.Request) {
	stop := context.AfterFunc(r.Context(), func() {
		// A body that still arrives does not hold up the end of the server.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	q, err := parseRequest(r)
	a := newAnswer(w, q.queryID, h.Engine.Version())
	if err == nil {
		err = h.run(r.Context(), q, a)
	}
	switch {
	case err == nil:
	case errors.Is(err, errCut):
		a.cut()
	case r.Context().Err() != nil:
		h.Log.Debug("query ended before its answer", "query_id", q.queryID, "error", err)
		a.cut() // the client may be there, and the server about to stop: no answer must look like one
	default:
		a.fail(err)
	}
}

// run executes q in a session of its own.
func (h *handler) run(ctx context.Context, q request, a *answer) error {
	session, err := h.Engine.NewSession(cmp.Or(q.database, h.Database))
	if err != nil {
		return err
	}
	defer session.Close()
	if q.isReadOnly {
		// Not among the settings of the query: then those could not change it.
		if err := session.Exec(ctx, "SET readonly = 2"); err != nil {
			return err
		}
	}
	if q.insert != nil {
		return h.insert(ctx, session, q, a)
	}
	return query(ctx, session, q, a)
}

// query sends the result of a statement that no rows follow.
func query(ctx context.Context, session *engine.Session, q request, a *answer) error {
	result, err := session.Query(ctx, engine.Query{
		SQL: q.text, Format: q.format, Parameters: q.parameters, Settings: q.settings, Stream: isJoinable(q.format),
	})
	if err != nil {
		return err
	}
	defer result.Close()
	return a.send(q.format, result)
}

// isRead reports whether a method may change nothing.
func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }
