package failpoint

import (
	"encoding/json"
	"net/http"
)

const maxRequest = 1 << 10

// order is the body of a POST. Without a count nothing is armed: it must be said.
type order struct {
	Point Point  `json:"point"`
	Count *int64 `json:"count"`
}

// report is the body of every answer.
type report struct {
	Points  []pointReport `json:"points"`
	Without []Rule        `json:"without"`
}

type pointReport struct {
	Point  Point `json:"point"`
	Passes int64 `json:"passes"`
	// Left is how many passes are left to the one that kills, 0 if none does.
	Left int64 `json:"left"`
}

// ServeHTTP shows the points with their passes (GET), or arms one (POST
// {"point":"after_plan","count":1}; count 0 disarms it). A nil Set answers 404.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s == nil {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		if problem := s.obey(w, r); problem != "" {
			http.Error(w, problem, http.StatusBadRequest)
			return
		}
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET shows the points, POST arms one", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.report())
}

// obey returns what is wrong with an order, if anything is.
func (s *Set) obey(w http.ResponseWriter, r *http.Request) (problem string) {
	var o order
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	body.DisallowUnknownFields()
	if err := body.Decode(&o); err != nil {
		return "reading the request: " + err.Error()
	}
	if o.Count == nil {
		return "count is missing"
	}
	if err := s.Arm(o.Point, *o.Count); err != nil {
		return err.Error()
	}
	return ""
}

func (s *Set) report() report {
	r := report{Without: append([]Rule{}, s.off...)}
	for _, p := range Points() {
		state := s.points[p]
		one := pointReport{Point: p, Passes: state.passes.Load()}
		if deadly := state.deadly.Load(); deadly != 0 {
			one.Left = max(deadly-one.Passes, 1)
		}
		r.Points = append(r.Points, one)
	}
	return r
}
