package api

import (
	"encoding/json"
	"net/http"

	"github.com/nova-data/nova/pkg/event"
)

// problem is the body of every answer that is not 202 (RFC 9457).
type problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	RequestID string  `json:"request_id"`
	Errors    []fault `json:"errors,omitempty"`

	// headers are those that the status asks for, names and values.
	headers [][2]string
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

func (p *problem) with(header, value string) *problem {
	p.headers = append(p.headers, [2]string{header, value})
	return p
}

// notAllowed is the answer to another method than those allowed.
func notAllowed(allowed, detail string) *problem {
	return newProblem(http.StatusMethodNotAllowed, detail).with("Allow", allowed)
}

// tooMany is the answer while more is in hand than may be.
func tooMany(detail string) *problem {
	return newProblem(http.StatusTooManyRequests, detail).with("Retry-After", retryAfterSeconds)
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

// write answers. A client that is gone gets nothing, and nobody can be told.
func (p *problem) write(w http.ResponseWriter) {
	for _, header := range p.headers {
		w.Header().Set(header[0], header[1])
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
