package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/services/jobs/internal/scheduler"
	"github.com/nova-data/nova/services/jobs/internal/trending"
)

// Lists gives trending lists.
type Lists interface {
	// Read returns the list of a window. Its errors are trending.ErrUnknown and
	// trending.ErrUnavailable.
	Read(ctx context.Context, w trending.Window) (trending.Answer, error)
}

// Jobs gives the jobs of this replica.
type Jobs interface {
	// Jobs returns them by name, and why the file of definitions could not be
	// read, or nothing.
	Jobs() (jobs []scheduler.Status, fileProblem string)
}

// Deps is what a Handler works with.
type Deps struct {
	Lists Lists
	Jobs  Jobs
	Meter metric.Meter
}

// Handler answers reads over HTTP.
type Handler struct {
	deps    Deps
	metrics *metrics
	mux     *http.ServeMux
}

// NewHandler returns the routes of the API. Its error is the meter's.
func NewHandler(deps Deps) (*Handler, error) {
	metrics, err := newMetrics(deps.Meter)
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	h := &Handler{deps: deps, metrics: metrics, mux: http.NewServeMux()}
	h.handle("/v1/trending", "trending", h.trending)
	h.handle("/v1/jobs", "jobs", h.jobs)
	h.handle("/", "none", func(http.ResponseWriter, *http.Request) *problem {
		return newProblem(http.StatusNotFound, "there are /v1/trending and /v1/jobs")
	})
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// handle answers reads of a path with what answer writes, or the problem that it
// returns instead.
func (h *Handler) handle(path, route string, answer func(w http.ResponseWriter, r *http.Request) *problem) {
	h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		var refusal *problem
		if path != "/" && r.Method != http.MethodGet && r.Method != http.MethodHead {
			refusal = newProblem(http.StatusMethodNotAllowed, "this can only be read")
		} else {
			refusal = answer(w, r)
		}
		status := http.StatusOK
		if refusal != nil {
			status = refusal.Status
			refusal.write(w)
		}
		h.metrics.answered(r.Context(), route, status, time.Since(started))
	})
}
