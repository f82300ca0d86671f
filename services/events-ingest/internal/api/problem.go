package api

import (
	"encoding/json"
	"net/http"

	"github.com/nova-data/nova/pkg/event"
)

// problem is the body of every answer that is not 202 (RFC 9457).
type problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail,omitempty"`
	Errors []fault `json:"errors,omitempty"`
}

// fault is one broken rule. Index is that of the event, absent when the body as
// a whole is at fault.
type fault struct {
	Index *int   `json:"index,omitempty"`
	Field string `json:"field,omitempty"`
	Rule  string `json:"rule"`
}

func newProblem(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// invalid is the answer to a body that breaks rules.
func invalid(err *event.InvalidError) *problem {
	p := newProblem(http.StatusBadRequest, "nothing was accepted: correct the body before it is sent again")
	for _, broken := range err.Problems {
		f := fault{Field: broken.Field, Rule: broken.Rule}
		if broken.Index != event.WholeBody {
			f.Index = &broken.Index
		}
		p.Errors = append(p.Errors, f)
	}
	return p
}

func (p *problem) write(w http.ResponseWriter) {
	writeJSON(w, "application/problem+json", p.Status, p)
}

// writeJSON answers. A client that is gone gets nothing, and nobody can be told.
func writeJSON(w http.ResponseWriter, contentType string, status int, body any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
