package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

// jobList is the body of GET /v1/jobs.
type jobList struct {
	Jobs []job `json:"jobs"`
	// FileError says why the file of definitions could not be read; what it held
	// before counts.
	FileError string `json:"file_error,omitempty"`
}

type job struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	Schedule string          `json:"schedule"`
	Enabled  bool            `json:"enabled"`
	Params   json.RawMessage `json:"params"`
	State    scheduler.State `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	NextRun  string          `json:"next_run,omitempty"`
	LastRun  *run            `json:"last_run,omitempty"`
}

type run struct {
	Tick       string            `json:"tick"`
	StartedAt  string            `json:"started_at"`
	DurationMS int64             `json:"duration_ms"`
	Outcome    scheduler.Outcome `json:"outcome"`
	Error      string            `json:"error,omitempty"`
	Rows       int               `json:"rows"`
}

func (h *Handler) jobs(w http.ResponseWriter, _ *http.Request) *problem {
	jobs, fileProblem := h.deps.Jobs.Jobs()
	body := jobList{Jobs: make([]job, len(jobs)), FileError: fileProblem}
	for i, j := range jobs {
		body.Jobs[i] = shown(j)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, "application/json", http.StatusOK, body)
	return nil
}

func shown(s scheduler.Status) job {
	j := job{
		Name: s.Name, Kind: s.Kind, Schedule: s.Schedule, Enabled: s.Enabled, Params: s.Params, State: s.State, Reason: s.Reason,
	}
	if !s.NextRun.IsZero() {
		j.NextRun = s.NextRun.UTC().Format(time.RFC3339)
	}
	if last := s.LastRun; last != nil {
		j.LastRun = &run{
			Tick: last.Tick, StartedAt: last.StartedAt.UTC().Format(time.RFC3339Nano), DurationMS: last.Duration.Milliseconds(),
			Outcome: last.Outcome, Error: last.Error, Rows: last.Rows,
		}
	}
	return j
}
