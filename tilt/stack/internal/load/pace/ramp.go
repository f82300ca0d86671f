package pace

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Ramp is how a rate is reached: evenly, or in steps that are equally long and
// high, of which the last has the whole rate. The zero value is no ramp.
type Ramp struct {
	Over  time.Duration
	Steps int // 0: evenly
}

var errRamp = errors.New("want a duration, or a duration and a number of steps as in 30s/5")

// Set implements flag.Value.
func (r *Ramp) Set(text string) error {
	over, steps, isStepped := strings.Cut(text, "/")
	var parsed Ramp
	var err error
	if parsed.Over, err = time.ParseDuration(over); err != nil || parsed.Over < 0 {
		return errRamp
	}
	if isStepped {
		if parsed.Steps, err = strconv.Atoi(steps); err != nil || parsed.Steps < 1 {
			return errRamp
		}
	}
	*r = parsed
	return nil
}

// String implements flag.Value.
func (r *Ramp) String() string {
	if r.Steps == 0 {
		return r.Over.String()
	}
	return r.Over.String() + "/" + strconv.Itoa(r.Steps)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Ramp) UnmarshalText(text []byte) error { return r.Set(string(text)) }

// MarshalText implements encoding.TextMarshaler.
func (r Ramp) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
