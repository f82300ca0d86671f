package chtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const requestTimeout = 60 * time.Second

// Error is an error that the server answered.
type Error struct {
	// Code is ClickHouse's, as text; empty when the answer has none.
	Code string
	// Status is the HTTP status.
	Status int
	// Message is the body of the answer.
	Message string
}

func (e *Error) Error() string { return e.Message }

// Exec runs a statement in the database nova and drops its result.
func (s *Server) Exec(sql string) {
	s.t.Helper()
	s.Query(sql)
}

// Query runs a statement in the database nova and returns its result as
// tab-separated text without the last newline.
func (s *Server) Query(sql string) string {
	s.t.Helper()
	text, err := s.Do(context.WithoutCancel(s.t.Context()), sql, nil)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return strings.TrimSuffix(text, "\n")
}

// Do runs a statement in the database nova and returns its result. Settings are the
// query's settings and parameters as the HTTP interface takes them. An error of the
// server's is an *Error. At most one minute passes.
func (s *Server) Do(ctx context.Context, sql string, settings url.Values) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	query := url.Values{"database": {"nova"}}
	for name, values := range settings {
		query[name] = values
	}
	return s.request(ctx, http.MethodPost, "/?"+query.Encode(), []byte(sql))
}

// request returns the body of the answer.
func (s *Server) request(ctx context.Context, method, target string, body []byte) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.HTTP+target, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(response.Body)
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", fmt.Errorf("reading answer: %w", err)
	}
	if code := response.Header.Get("X-ClickHouse-Exception-Code"); code != "" || response.StatusCode >= http.StatusBadRequest {
		return "", &Error{Code: code, Status: response.StatusCode, Message: string(text)}
	}
	return string(text), nil
}
