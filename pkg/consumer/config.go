package consumer

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/failpoint"
)

// Config is how records are batched and how the group behaves.
type Config struct {
	BatchRows         int           `split_words:"true" default:"20000" desc:"Most records in a batch."`
	BatchBytes        int           `split_words:"true" default:"8388608" desc:"Bytes of keys and values at which a batch is closed; one record may exceed it."`
	BatchAge          time.Duration `split_words:"true" default:"500ms" desc:"Time after its first record at which a batch is closed."`
	FetchBytes        int           `split_words:"true" default:"1048576" desc:"Bytes asked of a partition in one fetch."`
	FetchWait         time.Duration `split_words:"true" default:"500ms" desc:"Time a broker holds a fetch that finds no records."`
	HeartbeatInterval time.Duration `split_words:"true" default:"1s" desc:"Time between heartbeats, which is how soon a member notices a rebalance."`
	SessionTimeout    time.Duration `split_words:"true" default:"15s" desc:"Time without heartbeats after which a member's partitions go to others."`
	RebalanceTimeout  time.Duration `split_words:"true" default:"30s" desc:"Time members have to join a rebalance."`
	MemoryBudget      int           `split_words:"true" default:"33554432" desc:"Bytes of records that may be fetched and not yet done with, of all partitions together."`
	WatchdogTimeout   time.Duration `split_words:"true" default:"5m" desc:"Time after which a call for a batch that has not returned is shown as stuck."`
	LeaveAfter        time.Duration `split_words:"true" default:"10m" desc:"Time after which a member that cannot store what others can leaves the group until it can."`
	DrainTimeout      time.Duration `split_words:"true" default:"10s" desc:"Time for work in hand when partitions are revoked or the service stops; below REBALANCE_TIMEOUT."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	for _, count := range []struct {
		name  string
		value int
	}{{"BATCH_ROWS", c.BatchRows}, {"BATCH_BYTES", c.BatchBytes}, {"FETCH_BYTES", c.FetchBytes}, {"MEMORY_BUDGET", c.MemoryBudget}} {
		if count.value <= 0 || count.value > math.MaxInt32 {
			problems = append(problems, fmt.Errorf("%s must be between 1 and %d", count.name, math.MaxInt32))
		}
	}
	for _, span := range []struct {
		name  string
		value time.Duration
	}{
		{"BATCH_AGE", c.BatchAge},
		{"FETCH_WAIT", c.FetchWait},
		{"HEARTBEAT_INTERVAL", c.HeartbeatInterval},
		{"SESSION_TIMEOUT", c.SessionTimeout},
		{"REBALANCE_TIMEOUT", c.RebalanceTimeout},
		{"DRAIN_TIMEOUT", c.DrainTimeout},
		{"WATCHDOG_TIMEOUT", c.WatchdogTimeout},
		{"LEAVE_AFTER", c.LeaveAfter},
	} {
		if span.value < time.Millisecond || span.value > time.Hour {
			problems = append(problems, fmt.Errorf("%s must be between 1ms and 1h", span.name))
		}
	}
	if c.SessionTimeout < 3*c.HeartbeatInterval {
		problems = append(problems, errors.New("SESSION_TIMEOUT must be at least three times HEARTBEAT_INTERVAL"))
	}
	if c.DrainTimeout >= c.RebalanceTimeout {
		problems = append(problems, errors.New("DRAIN_TIMEOUT must be below REBALANCE_TIMEOUT"))
	}
	return errors.Join(problems...)
}

// Deps is what a Consumer works with. All of it is required but for Failpoints.
type Deps struct {
	Broker *broker.Cluster
	// Group is the consumer group, and Topics what it reads, at least one.
	Group  string
	Topics []string
	// Handler or Sink is the service, one of them.
	Handler Handler
	Sink    Sink
	// Plans says that a batch of the Sink is named on Kafka before it is stored,
	// so that whoever stores it does so under the same name.
	Plans bool
	// Positions says where partitions begin.
	Positions Positions
	Log       *slog.Logger
	Meter     metric.Meter
	Health    Health
	// Failpoints is for fault tests; nil has none.
	Failpoints *failpoint.Set
}

// Health is told what works worse than it should.
type Health interface {
	// Degraded says that part is impaired, and why, until Healthy.
	Degraded(part, reason string)
	// Healthy takes back what Degraded said of part.
	Healthy(part string)
}

func (d Deps) validate() error {
	var problems []error
	for _, need := range []struct {
		name    string
		missing bool
	}{
		{"Broker", d.Broker == nil},
		{"Group", d.Group == ""},
		{"Topics", len(d.Topics) == 0},
		{"Handler or Sink", (d.Handler == nil) == (d.Sink == nil)},
		{"Log", d.Log == nil},
		{"Meter", d.Meter == nil},
		{"Health", d.Health == nil},
	} {
		if need.missing {
			problems = append(problems, fmt.Errorf("dependency %s is missing", need.name))
		}
	}
	if d.Positions != FromStart() {
		problems = append(problems, d.Positions.Validate())
	}
	return errors.Join(problems...)
}
