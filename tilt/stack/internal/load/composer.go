package load

import (
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
	"github.com/nova-data/nova/tilt/stack/internal/load/sample"
)

const (
	// The upper half of the numbers is the load's, the lower that of sample traffic
	// which may run beside it.
	firstNumber  = 1 << 61
	firstMarker  = firstNumber | 1<<60
	copyStream   = 1 << 63
	usersStream  = 1
	postsStream  = 2
	markerDevice = "load"
)

// plan is what all composers of a run share.
type plan struct {
	cfg      Config
	start    time.Time
	run      sample.Run
	schedule pace.Schedule // of requests
	requests int
}

func newPlan(cfg Config, start time.Time) plan {
	schedule := pace.Schedule{PerSecond: cfg.Rate / float64(cfg.Batch), Ramp: cfg.Ramp}
	return plan{
		cfg: cfg, start: start, run: sample.NewRun(start), schedule: schedule, requests: schedule.Before(cfg.Duration),
	}
}

// due is when a request is to be sent.
func (p plan) due(request int) time.Time { return p.start.Add(p.schedule.At(request)) }

// copiesBefore returns how many of the first places hold copies.
func (p plan) copiesBefore(place int) int { return int(float64(place) * p.cfg.Duplicates) }

// composer makes the events of requests. A place is an event's number in the run;
// what it holds can be made again at any time, so that nothing is remembered for
// copies. A composer belongs to one goroutine.
type composer struct {
	plan

	source *rand.PCG
	random *rand.Rand
	form   encoder
}

func newComposer(p plan) *composer {
	source := rand.NewPCG(p.cfg.Seed, 0)
	return &composer{plan: p, source: source, random: rand.New(source), form: newEncoder(p.cfg)} //nolint:gosec // not a secret
}

// body returns the body of a request.
func (c *composer) body(request int) ([]byte, error) {
	c.form.begin()
	first := request * c.cfg.Batch
	for place := first; place < first+c.cfg.Batch; place++ {
		e := c.event(c.origin(place))
		if err := c.form.add(&e, c.random); err != nil {
			return nil, err
		}
	}
	return c.form.end()
}

// origin returns the place of which this one is a copy, or itself. Copies are spread
// evenly, so that their share of the first n places is exact for every n.
func (c *composer) origin(place int) int {
	for {
		copies := c.copiesBefore(place + 1)
		if copies == c.copiesBefore(place) {
			return place
		}
		c.source.Seed(c.cfg.Seed, copyStream|uint64(place))
		inRequest := place % c.cfg.Batch
		isNear := copies%2 == 1 && inRequest > 0
		if first := place - inRequest; first > 0 && !isNear {
			place = c.random.IntN(first)
		} else {
			place -= 1 + c.random.IntN(inRequest)
		}
	}
}

// event makes the event of a place that is no copy.
func (c *composer) event(place int) event.Event {
	c.source.Seed(c.cfg.Seed, uint64(place))
	e := event.Event{
		ID:     c.run.ID(firstNumber | uint64(place)),
		TimeMS: c.due(place / c.cfg.Batch).UnixMilli(),
		UserID: person(usersStream, sample.Zipf(c.random, c.cfg.Skew, 1, c.cfg.Users)),
		PostID: person(postsStream, sample.Zipf(c.random, c.cfg.Skew, 1, c.cfg.Posts)),
		Action: sample.Action(c.random),
	}
	e.Device, e.AppVersion = sample.Device(c.random)
	if e.Action == event.View {
		e.DwellMS = sample.DwellMS(c.random)
	}
	return e
}

// marker is an event that tells a probe by its id, on a post of the run's own.
func (p plan) marker(number int, now time.Time) event.Event {
	return event.Event{
		ID: p.run.ID(firstMarker | uint64(number)), TimeMS: now.UnixMilli(),
		UserID: p.markerPost(), PostID: p.markerPost(), Action: event.Impression, Device: markerDevice,
	}
}

func (p plan) markerPost() uuid.UUID { return p.run.ID(firstMarker) }

// person is the id of the user or post of a rank, the same in every run.
func person(stream uint64, rank int) uuid.UUID {
	var run sample.Run
	copy(run[:], "load")
	run[5] = byte(stream)
	return run.ID(uint64(rank))
}
