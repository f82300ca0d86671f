package dlq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// ErrTripped says that the guard has paused the service: too many records become
// letters, so the fault is more likely in the service than in them.
var ErrTripped = errors.New("the dead-letter guard has tripped")

// GuardConfig is when a Guard trips.
type GuardConfig struct {
	Enabled    bool    `default:"true" desc:"Pause the service when too many records become dead letters, until POST /dlq/resume on the admin port or a restart."`
	Ratio      float64 `default:"0.05" desc:"Share of the newest records, from 0 to below 1, above which it pauses."`
	Window     int     `default:"1000" desc:"How many of the newest records count."`
	MinLetters int     `split_words:"true" default:"20" desc:"Dead letters among them below which it never pauses."`
}

const mostWindow = 1_000_000

// Validate implements config.Validator.
func (c GuardConfig) Validate() error {
	var problems []error
	if !(c.Ratio >= 0 && c.Ratio < 1) {
		problems = append(problems, errors.New("RATIO must be from 0 to below 1"))
	}
	if c.Window < 1 || c.Window > mostWindow {
		problems = append(problems, fmt.Errorf("WINDOW must be from 1 to %d", mostWindow))
	}
	if c.MinLetters < 1 || c.MinLetters > c.Window {
		problems = append(problems, errors.New("MIN_LETTERS must be from 1 to WINDOW"))
	}
	return errors.Join(problems...)
}

// Health is told what works worse than it should.
type Health interface {
	// Degraded says that part is impaired, and why, until Healthy.
	Degraded(part, reason string)
	// Healthy takes back what Degraded said of part.
	Healthy(part string)
}

// guardPart is the guard's name in health.
const guardPart = "dead-letter guard"

// GuardDeps is what a Guard is given by its owner. All of it is required.
type GuardDeps struct {
	Log    *slog.Logger
	Meter  metric.Meter
	Health Health
}

// Guard keeps a bad deployment from draining a topic into its dead letters. It
// is told of every record that is done with, in their order, and trips when too
// many of the newest ones became letters.
type Guard struct {
	cfg  GuardConfig
	deps GuardDeps

	mu      sync.Mutex
	window  window
	tripped error // nil unless it has
	since   time.Time
}

// NewGuard returns a guard over no records yet. Its errors are those of cfg and
// of the meter.
func NewGuard(cfg GuardConfig, deps GuardDeps) (*Guard, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the configuration of the dead-letter guard: %w", err)
	}
	g := &Guard{cfg: cfg, deps: deps, window: newWindow(cfg.Window)}
	_, err := deps.Meter.Int64ObservableGauge("dlq_guard_tripped", metric.WithUnit("1"),
		metric.WithDescription("1 while the service is paused because too many records became dead letters."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			if g.Check() != nil {
				o.Observe(1)
			} else {
				o.Observe(0)
			}
			return nil
		}))
	if err != nil {
		return nil, fmt.Errorf("creating the instrument of the dead-letter guard: %w", err)
	}
	return g, nil
}

// Check returns nil, or an error that is ErrTripped and says of how many records
// how many became letters, what the newest was for, and how to resume.
func (g *Guard) Check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tripped
}

// Passed counts records that became no letter.
func (g *Guard) Passed(records int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isCounting() {
		g.window.pass(records)
	}
}

// Buried counts a record whose letter is acknowledged, with the letter's error
// class.
func (g *Guard) Buried(class string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.isCounting() {
		return
	}
	g.window.bury()
	if g.window.letters < g.cfg.MinLetters || float64(g.window.letters) <= g.cfg.Ratio*float64(g.window.records) {
		return
	}
	g.since = time.Now()
	g.tripped = fmt.Errorf("%w: %d of the last %d records became dead letters, the newest for %q: remove the cause, then POST /dlq/resume on the admin port, or restart",
		ErrTripped, g.window.letters, g.window.records, class)
	g.deps.Health.Degraded(guardPart, g.tripped.Error())
	g.deps.Log.Error("paused: too many records became dead letters; POST /dlq/resume on the admin port goes on",
		"letters", g.window.letters, "records", g.window.records, "newest", class)
}

// isCounting is false while tripped: what is finished of batches begun before
// must not trip the next window.
func (g *Guard) isCounting() bool { return g.cfg.Enabled && g.tripped == nil }

// Resume lets a service go on that the guard has paused, with a new window. It
// returns false if it had not.
func (g *Guard) Resume() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tripped == nil {
		return false
	}
	g.tripped = nil
	g.window = newWindow(g.cfg.Window)
	g.deps.Health.Healthy(guardPart)
	g.deps.Log.Info("resumed after a pause for dead letters", "after", time.Since(g.since).Round(time.Millisecond))
	return true
}
