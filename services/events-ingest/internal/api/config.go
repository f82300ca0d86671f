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
	Addr             string        `split_words:"true" default:"127.0.0.1:8080" desc:"Address (host:port) on which events are accepted."`
	MaxBodyBytes     int64         `split_words:"true" default:"1048576" desc:"Largest body in bytes, as it is sent and decompressed."`
	MaxEvents        int           `split_words:"true" default:"100" desc:"Largest number of events in a body."`
	MaxEventAge      time.Duration `split_words:"true" default:"23h50m" desc:"How long ago an event may have happened; with HTTP_MAX_EVENT_AHEAD below DEDUP_TTL."`
	MaxEventAhead    time.Duration `split_words:"true" default:"5m" desc:"How far in the future an event's time may be, for clocks that differ."`
	MaxConcurrent    int           `split_words:"true" default:"1000" desc:"Most requests at a time that wait for Kafka; the answer to one more is 429."`
	MaxBytesInFlight int64         `split_words:"true" default:"33554432" desc:"Most bytes of bodies, decompressed, in hand at a time; the answer to more is 429. Memory is about 5 times as much, 14 times for events of many tiny attributes."`
	MaxConnections   int           `split_words:"true" default:"4096" desc:"Most connections at a time; more wait to be accepted. Each may make the service hold 36 KiB of headers."`
	ReadTimeout      time.Duration `split_words:"true" default:"10s" desc:"Time limit for receiving a request; then the answer is 408."`
	PublishTimeout   time.Duration `split_words:"true" default:"10s" desc:"Time limit for Kafka's acknowledgement; then the answer is 503."`
	IdleTimeout      time.Duration `split_words:"true" default:"2m" desc:"Time after which an idle connection is closed."`
	TokensFile       string        `split_words:"true" desc:"File of bearer tokens, one name:token a line, read again within seconds when it changes; empty means that none is asked for."`
	CORSOrigins      []string      `split_words:"true" desc:"Origins (https://host) whose pages may post from a browser, comma-separated, or *; empty means none."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		problems = append(problems, fmt.Errorf("ADDR: %q is not host:port", c.Addr))
	}
	for _, positive := range []struct {
		variable string
		value    int64
	}{
		{"MAX_BODY_BYTES", c.MaxBodyBytes},
		{"MAX_EVENTS", int64(c.MaxEvents)},
		{"MAX_EVENT_AGE", int64(c.MaxEventAge)},
		{"MAX_CONCURRENT", int64(c.MaxConcurrent)},
		{"MAX_CONNECTIONS", int64(c.MaxConnections)},
		{"READ_TIMEOUT", int64(c.ReadTimeout)},
		{"PUBLISH_TIMEOUT", int64(c.PublishTimeout)},
		{"IDLE_TIMEOUT", int64(c.IdleTimeout)},
	} {
		if positive.value <= 0 {
			problems = append(problems, fmt.Errorf("%s must be positive", positive.variable))
		}
	}
	if c.MaxEventAhead < 0 {
		problems = append(problems, errors.New("MAX_EVENT_AHEAD must not be negative"))
	}
	if c.MaxBytesInFlight < max(c.MaxBodyBytes, 1) {
		problems = append(problems, errors.New("MAX_BYTES_IN_FLIGHT must be positive and at least MAX_BODY_BYTES, or the largest body is never accepted"))
	}
	return errors.Join(append(problems, validateOrigins(c.CORSOrigins))...)
}

// Server is what the API is served with.
func (c Config) Server() httpserver.Settings {
	return httpserver.Settings{
		Name: "events API", Addr: c.Addr, Variable: "HTTP_ADDR",
		ReadTimeout: c.ReadTimeout, AnswerTimeout: c.PublishTimeout, IdleTimeout: c.IdleTimeout,
		MaxConnections: c.MaxConnections,
	}
}
