package chtest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Fault is what is to happen to the next INSERTs of rows.
type Fault struct {
	// Action is "exception", "delay", "cut" (the connection) or "exit" (the process).
	Action string `json:"action"`
	// When is "before" the rows reach the engine, which is what empty means, or
	// "after" they are stored and before the answer.
	When string `json:"when,omitempty"`
	// Code is ClickHouse's error code of an exception.
	Code int `json:"code,omitempty"`
	// DelayMS is the length of a delay in milliseconds.
	DelayMS int `json:"delay_ms,omitempty"`
	// Count is the number of INSERTs; 0 is one.
	Count int `json:"count,omitempty"`
	// Table is the only table, without database, that it happens to; empty is any.
	Table string `json:"table,omitempty"`
}

// Fault plans faults behind those planned before. They are gone after a restart.
func (s *Server) Fault(faults ...Fault) {
	s.t.Helper()
	body, err := json.Marshal(faults)
	if err != nil {
		s.t.Fatalf("encoding faults: %v", err)
	}
	s.control(http.MethodPost, body)
}

// exitWithin is more than a process takes to end.
const exitWithin = 5 * time.Second

// ClearFaults drops the faults that have not happened yet. A server that one of
// them ends meanwhile has none left.
func (s *Server) ClearFaults() {
	s.t.Helper()
	_, err := s.request(context.WithoutCancel(s.t.Context()), http.MethodDelete, "/faults", nil)
	if err == nil {
		return
	}
	select {
	case <-s.Exited():
	case <-time.After(exitWithin):
		s.t.Fatalf("dropping faults: %v", err)
	}
}

// PendingFaults returns the faults of which not every INSERT has begun, with the
// number of those that are left.
func (s *Server) PendingFaults() []Fault {
	s.t.Helper()
	var pending []Fault
	if err := json.Unmarshal([]byte(s.control(http.MethodGet, nil)), &pending); err != nil {
		s.t.Fatalf("decoding faults: %v", err)
	}
	return pending
}

func (s *Server) control(method string, body []byte) string {
	s.t.Helper()
	text, err := s.request(context.WithoutCancel(s.t.Context()), method, "/faults", body)
	if err != nil {
		s.t.Fatalf("planning faults: %v", err)
	}
	return text
}
