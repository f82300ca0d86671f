package schema

import (
	"errors"
	"regexp"
)

// Config is in what form the schema is applied. Its prefix is CLICKHOUSE.
type Config struct {
	Cluster           string `split_words:"true" desc:"Cluster on which tables are made, in their Replicated form; empty means plain tables on one server."`
	PostEventsTTLDays int    `split_words:"true" default:"400" desc:"Days after which an event leaves post_events; the hourly sums stay."`
}

var clusterName = regexp.MustCompile(`^[A-Za-z0-9_.{}-]*$`)

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if !clusterName.MatchString(c.Cluster) {
		problems = append(problems, errors.New("CLUSTER must be letters, digits and _.-{}"))
	}
	if c.PostEventsTTLDays <= 0 {
		problems = append(problems, errors.New("POST_EVENTS_TTL_DAYS must be positive"))
	}
	return errors.Join(problems...)
}
