package api

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nova-data/nova/pkg/httpserver"
)

// Config is what clients may send and how long it may take. Its prefix is HTTP.
type Config struct {
	Addr           string        `split_words:"true" default:"127.0.0.1:8080" desc:"Address (host:port) on which events are accepted."`
	MaxBodyBytes   int64         `split_words:"true" default:"1048576" desc:"Largest body in bytes."`
	MaxEvents      int           `split_words:"true" default:"100" desc:"Largest number of events in a body."`
	MaxEventAge    time.Duration `split_words:"true" default:"23h50m" desc:"How long ago an event may have happened; with HTTP_MAX_EVENT_AHEAD below DEDUP_TTL."`
	MaxEventAhead  time.Duration `split_words:"true" default:"5m" desc:"How far in the future an event's time may be, for clocks that differ."`
	ReadTimeout    time.Duration `split_words:"true" default:"10s" desc:"Time limit for receiving a request."`
	PublishTimeout time.Duration `split_words:"true" default:"10s" desc:"Time limit for Kafka's acknowledgement; then the answer is 503."`
	IdleTimeout    time.Duration `split_words:"true" default:"2m" desc:"Time after which an idle connection is closed."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		problems = append(problems, fmt.Errorf("ADDR: %q is not host:port", c.Addr))
	}
	if c.MaxBodyBytes <= 0 {
		problems = append(problems, errors.New("MAX_BODY_BYTES must be positive"))
	}
	if c.MaxEvents <= 0 {
		problems = append(problems, errors.New("MAX_EVENTS must be positive"))
	}
	if c.MaxEventAge <= 0 {
		problems = append(problems, errors.New("MAX_EVENT_AGE must be positive"))
	}
	if c.MaxEventAhead < 0 {
		problems = append(problems, errors.New("MAX_EVENT_AHEAD must not be negative"))
	}
	if c.ReadTimeout <= 0 {
		problems = append(problems, errors.New("READ_TIMEOUT must be positive"))
	}
	if c.PublishTimeout <= 0 {
		problems = append(problems, errors.New("PUBLISH_TIMEOUT must be positive"))
	}
	if c.IdleTimeout <= 0 {
		problems = append(problems, errors.New("IDLE_TIMEOUT must be positive"))
	}
	return errors.Join(problems...)
}

// Server is what the API is served with.
func (c Config) Server() httpserver.Settings {
	return httpserver.Settings{
		Name: "events API", Addr: c.Addr, Variable: "HTTP_ADDR",
		ReadTimeout: c.ReadTimeout, AnswerTimeout: c.PublishTimeout, IdleTimeout: c.IdleTimeout,
	}
}
