package producer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/broker"
)

const (
	maxLinger = 5 * time.Millisecond
	// recordOverhead covers what a record and its batch add to their payload.
	recordOverhead = 128
)

// Config is how records are put together.
type Config struct {
	MaxRecordBytes int           `split_words:"true" default:"1000000" desc:"Bytes of key, value and headers that one record may have; the topic's max.message.bytes must be larger."`
	BatchBytes     int           `split_words:"true" default:"900000" desc:"Bytes of records in one request, before compression; a larger record travels alone."`
	BatchRecords   int           `split_words:"true" default:"10000" desc:"Most records in one request."`
	Linger         time.Duration `split_words:"true" default:"2ms" desc:"Time the first record waits for others when no request is under way, up to 5ms."`
	RequestTimeout time.Duration `split_words:"true" default:"10s" desc:"Time limit for one request; it is repeated until the publisher's own limit."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.MaxRecordBytes <= 0 {
		problems = append(problems, errors.New("MAX_RECORD_BYTES must be positive"))
	}
	if c.BatchBytes <= 0 {
		problems = append(problems, errors.New("BATCH_BYTES must be positive"))
	}
	if c.BatchRecords <= 0 {
		problems = append(problems, errors.New("BATCH_RECORDS must be positive"))
	}
	if c.Linger < 0 || c.Linger > maxLinger {
		problems = append(problems, fmt.Errorf("LINGER must be between 0 and %s", maxLinger))
	}
	if c.RequestTimeout < time.Millisecond {
		problems = append(problems, errors.New("REQUEST_TIMEOUT must be at least 1ms"))
	}
	return errors.Join(problems...)
}

// Deps is what a Producer works with. All of it is required.
type Deps struct {
	Broker *broker.Cluster
	Log    *slog.Logger
	Meter  metric.Meter
}

func (d Deps) validate() error {
	var problems []error
	if d.Broker == nil {
		problems = append(problems, errors.New("dependency Broker is missing"))
	}
	if d.Log == nil {
		problems = append(problems, errors.New("dependency Log is missing"))
	}
	if d.Meter == nil {
		problems = append(problems, errors.New("dependency Meter is missing"))
	}
	return errors.Join(problems...)
}
