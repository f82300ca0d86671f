package failpoint

import (
	"errors"
	"fmt"
	"slices"
)

// Config is what a fault test sets, and nobody else.
type Config struct {
	Enabled bool     `default:"false" desc:"Fault tests only: serve /failpoints on the admin port, which kills the process at a named point."`
	Without []string `desc:"Fault tests only: rules of delivery to leave out: view_dedup, plan, claim_coordinates, letters_first. Records are then lost or doubled. Needs FAILPOINTS_ENABLED."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if len(c.Without) > 0 && !c.Enabled {
		problems = append(problems, errors.New("WITHOUT is for fault tests: it needs FAILPOINTS_ENABLED=true"))
	}
	for _, name := range c.Without {
		if !slices.Contains(Rules(), Rule(name)) {
			problems = append(problems, fmt.Errorf("WITHOUT names %q, which is no rule: there are %v", name, Rules()))
		}
	}
	return errors.Join(problems...)
}
