package dlq

import (
	"encoding/json"
	"net/http"
	"time"
)

// guardState is the body of the guard's answers.
type guardState struct {
	Enabled bool `json:"enabled"`
	Tripped bool `json:"tripped"`
	// Reason and Since are set while tripped.
	Reason string     `json:"reason,omitempty"`
	Since  *time.Time `json:"since,omitempty"`
	// Letters of Records is what the window holds.
	Letters int `json:"letters"`
	Records int `json:"records"`
	// Window, Ratio and MinLetters are the configuration.
	Window     int     `json:"window"`
	Ratio      float64 `json:"ratio"`
	MinLetters int     `json:"min_letters"`
}

// ServeHTTP is /dlq/resume of the admin port: GET shows the guard's state, POST
// resumes and shows it. Resuming what is not paused changes nothing.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		g.Resume()
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET shows the guard, POST resumes", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(g.state())
}

func (g *Guard) state() guardState {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := guardState{
		Enabled: g.cfg.Enabled, Letters: g.window.letters, Records: g.window.records,
		Window: g.cfg.Window, Ratio: g.cfg.Ratio, MinLetters: g.cfg.MinLetters,
	}
	if g.tripped != nil {
		since := g.since.UTC()
		s.Tripped, s.Reason, s.Since = true, g.tripped.Error(), &since
	}
	return s
}
