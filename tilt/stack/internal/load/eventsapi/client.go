package eventsapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	maxRetryAfter = 30 * time.Second
	// answerBytes is how much of an answer is kept.
	answerBytes = 4096
	path        = "/v1/events"
)

// Config is how bodies are posted.
type Config struct {
	// URL is the base address of the API, without /v1/events.
	URL string
	// ContentType is that of every body, and Encoding its Content-Encoding, or
	// empty.
	ContentType, Encoding string
	// Token is sent as a bearer token unless it is empty.
	Token string
	// Timeout is for one request, until the end of its answer.
	Timeout time.Duration
	// Connections is how many connections are kept.
	Connections int
}

// Client posts to one API.
type Client struct {
	cfg       Config
	http      *http.Client
	transport *http.Transport
}

// New returns a client, which connects when it is used.
func New(cfg Config) *Client {
	transport := &http.Transport{
		MaxIdleConnsPerHost: cfg.Connections, DisableCompression: true, IdleConnTimeout: time.Minute,
	}
	return &Client{cfg: cfg, http: &http.Client{Transport: transport}, transport: transport}
}

// NewWithTransport returns a client of a network of the caller's.
func NewWithTransport(cfg Config, network http.RoundTripper) *Client {
	c := New(cfg)
	c.http.Transport = network
	return c
}

// Close ends the connections that are idle.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Answer is what the API says to a body.
type Answer struct {
	Status int
	// Text is the beginning of the answer's body.
	Text string
	// RetryAfter is what the API asks for, at most 30 s.
	RetryAfter time.Duration
}

// IsAccepted reports whether all events of the body are on Kafka.
func (a Answer) IsAccepted() bool { return a.Status == http.StatusAccepted }

// IsFinal reports whether no repetition of the body changes the answer. 408 and 429
// are about the time at which it came.
func (a Answer) IsFinal() bool {
	switch a.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return a.Status < http.StatusInternalServerError
}

// RefusedError is an answer that no repetition changes.
type RefusedError struct{ Answer Answer }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the events API refused a body: %d %s", e.Answer.Status, e.Answer.Text)
}

// Post sends a body once. A status is answered with even when the rest of the
// answer is lost.
func (c *Client) Post(ctx context.Context, body []byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("building request: %w", err)
	}
	request.Header.Set("Content-Type", c.cfg.ContentType)
	if c.cfg.Encoding != "" {
		request.Header.Set("Content-Encoding", c.cfg.Encoding)
	}
	if c.cfg.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("posting events: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer := Answer{Status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		answer.RetryAfter = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	answer.Text = string(text)
	if err != nil {
		err = fmt.Errorf("reading the answer: %w", err)
	}
	return answer, err
}
