package api

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/nova-data/nova/pkg/httpserver"
)

// Config is how the API is served. Its prefix is HTTP.
type Config struct {
	Addr         string        `split_words:"true" default:"127.0.0.1:8081" desc:"Address (host:port) of the API."`
	QueryTimeout time.Duration `split_words:"true" default:"5s" desc:"Time limit for the query of a list that is not in Redis."`
	ReadTimeout  time.Duration `split_words:"true" default:"10s" desc:"Time limit for receiving a request."`
	IdleTimeout  time.Duration `split_words:"true" default:"2m" desc:"Time after which an idle connection is closed."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		problems = append(problems, fmt.Errorf("ADDR: %q is not host:port", c.Addr))
	}
	for _, limit := range []struct {
		name  string
		value time.Duration
	}{{"QUERY_TIMEOUT", c.QueryTimeout}, {"READ_TIMEOUT", c.ReadTimeout}, {"IDLE_TIMEOUT", c.IdleTimeout}} {
		if limit.value <= 0 {
			problems = append(problems, fmt.Errorf("%s must be positive", limit.name))
		}
	}
	return errors.Join(problems...)
}

// Server is what the API is served with. The slowest answer asks Redis before its
// query and tells it after, and connects for both: each of these may take
// cacheTimeout.
func (c Config) Server(cacheTimeout time.Duration) httpserver.Settings {
	const callsToRedis = 4
	return httpserver.Settings{
		Name: "jobs API", Addr: c.Addr, Variable: "HTTP_ADDR",
		ReadTimeout: c.ReadTimeout, AnswerTimeout: c.QueryTimeout + callsToRedis*cacheTimeout, IdleTimeout: c.IdleTimeout,
	}
}
