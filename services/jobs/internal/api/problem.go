package api

import (
	"encoding/json"
	"net/http"
)

// problem is the body of every answer that is not 200 (RFC 9457).
type problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail,omitempty"`
	Errors []fault `json:"errors,omitempty"`
}

// fault is a parameter that breaks its rule.
type fault struct {
	Parameter string `json:"parameter"`
	Rule      string `json:"rule"`
}

func newProblem(status int, detail string, faults ...fault) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: faults}
}

// retryAfterSeconds is about when a breaker lets the next call through.
const retryAfterSeconds = "2"

func (p *problem) write(w http.ResponseWriter) {
	switch p.Status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfterSeconds)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, "application/problem+json", p.Status, p)
}

// writeJSON answers. A client that is gone gets nothing, and nobody can be told.
func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
