package load

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

// Config is the load.
type Config struct {
	// URL is the base address of the events API, without /v1/events.
	URL string `json:"url"`
	// Rate is the number of events a second, copies included, behind Ramp.
	Rate float64   `json:"events_per_second"`
	Ramp pace.Ramp `json:"ramp"`
	// Duration is how long requests are due, Ramp included.
	Duration time.Duration `json:"duration_ns"`
	// Batch is the number of events in a request.
	Batch int `json:"events_per_request"`
	// Duplicates is the share of events that are copies of earlier ones, half of them
	// of one in the same request.
	Duplicates float64 `json:"duplicates"`
	// Skew is the Zipf exponent by which users and posts are drawn; 0 is evenly.
	Skew  float64 `json:"skew"`
	Users int     `json:"users"`
	Posts int     `json:"posts"`
	// Payload is the size of each event in the body, in bytes; 0 is without padding.
	Payload int    `json:"payload_bytes"`
	Format  Format `json:"format"`
	Gzip    bool   `json:"gzip"`
	Token   string `json:"-"`
	// Connections bounds the requests under way.
	Connections int `json:"connections"`
	// Timeout is for one request, from when it is sent.
	Timeout time.Duration `json:"timeout_ns"`
	// ProbeEvery is the time between marker events; 0 is none.
	ProbeEvery time.Duration `json:"probe_every_ns"`
	// ProbeTimeout is how long markers are still asked for after the end.
	ProbeTimeout time.Duration `json:"probe_timeout_ns"`
	Seed         uint64        `json:"seed"`
}

// Format is the form of bodies.
type Format string

// The forms there are.
const (
	JSON     Format = "json"
	Protobuf Format = "protobuf"
)

// Set implements flag.Value.
func (f *Format) Set(text string) error {
	switch format := Format(text); format {
	case JSON, Protobuf:
		*f = format
		return nil
	}
	return errors.New("want json or protobuf")
}

// String implements flag.Value.
func (f *Format) String() string { return string(*f) }

func (f *Format) contentType() string {
	if *f == Protobuf {
		return event.ContentTypeProtobuf
	}
	return event.ContentTypeJSON
}

// NewDefaultConfig returns a load of 1 000 events a second for ten seconds.
func NewDefaultConfig() Config {
	return Config{
		Rate: 1000, Duration: 10 * time.Second, Batch: 10, Users: 100_000, Posts: 10_000, Skew: 1,
		Format: JSON, Connections: 64, Timeout: 10 * time.Second,
		ProbeEvery: 500 * time.Millisecond, ProbeTimeout: 30 * time.Second, Seed: 1,
	}
}

const (
	maxRate        = 10_000_000
	maxBatch       = 10_000
	maxConnections = 10_000
	maxPayload     = 200_000
	maxPeople      = 1_000_000_000
	maxSkew        = 10
	maxDuplicates  = 0.9
	// minJSON and minProtobuf hold the longest event without padding.
	minJSON     = 300
	minProtobuf = 120
)

func (f *Format) minPayload() int {
	if *f == Protobuf {
		return minProtobuf
	}
	return minJSON
}

// Validate reports every bound that is broken, by the name of its flag.
func (c Config) Validate() error {
	var problems []error
	require := func(holds bool, format string, args ...any) {
		if !holds {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	address, err := url.Parse(c.URL)
	require(err == nil && address.Host != "" && (address.Scheme == "http" || address.Scheme == "https"), "--url must be an address such as http://127.0.0.1:8080")
	require(c.Rate > 0 && c.Rate <= maxRate, "--rate must be above 0 and at most %d", maxRate)
	require(c.Duration > 0, "--duration must be positive")
	require(c.Ramp.Over <= c.Duration || c.Duration <= 0, "--ramp must not be longer than --duration")
	require(c.Batch >= 1 && c.Batch <= maxBatch, "--batch must be 1 to %d", maxBatch)
	require(c.Duplicates >= 0 && c.Duplicates <= maxDuplicates, "--duplicates must be 0 to %v", maxDuplicates)
	require(c.Skew >= 0 && c.Skew <= maxSkew, "--skew must be 0 to %d", maxSkew)
	require(c.Users >= 1 && c.Users <= maxPeople, "--users must be 1 to %d", maxPeople)
	require(c.Posts >= 1 && c.Posts <= maxPeople, "--posts must be 1 to %d", maxPeople)
	require(c.Payload == 0 || c.Payload >= c.Format.minPayload() && c.Payload <= maxPayload,
		"--payload must be 0, or %d to %d as %s", c.Format.minPayload(), maxPayload, c.Format)
	require(c.Format == JSON || c.Format == Protobuf, "--format must be json or protobuf")
	require(c.Connections >= 1 && c.Connections <= maxConnections, "--connections must be 1 to %d", maxConnections)
	require(c.Timeout > 0, "--timeout must be positive")
	require(c.ProbeEvery >= 0, "--probe must not be negative")
	require(c.ProbeTimeout >= 0, "--probe-timeout must not be negative")
	return errors.Join(problems...)
}
