package workload

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/e2e/chaos/kafkaio"
)

// PoisonHeader marks a record that nobody can store; its value tells it from every
// other. Services do not look at it.
const PoisonHeader = "chaos-poison"

// Volume is how much a round has.
type Volume struct {
	// Steps is the number of steps, apart from the late one.
	Steps int
	// Events is the number of unique events, Changes that of changes.
	Events, Changes int
	// Poison is the number of records that nobody can store.
	Poison int
	// Forbidden is the number of unique events that a constraint refuses, and
	// Throwing that of events at which a view throws.
	Forbidden, Throwing int
}

// Step is what is sent at one time.
type Step struct {
	Records []kafkaio.Record
	// Posts holds bodies for POST /v1/events, as JSON.
	Posts [][]byte
}

// Round is what is sent in one round, in this order.
type Round struct {
	Steps []Step
	// Late is for after the faults.
	Late Step
}

// Config says what to make.
type Config struct {
	Seed uint64
	// Start is what the times of events are reckoned from.
	Start time.Time
	// Partitions is the number of partitions of each topic.
	Partitions int
	// Changes says whether there are changes at all, and API whether some events are
	// for the API.
	Changes, API bool
}

// Generator makes rounds and knows their outcome.
type Generator struct {
	cfg    Config
	random *rand.Rand
	round  int

	events  map[uuid.UUID]*Event
	order   []*Event
	users   []uuid.UUID
	posts   []uuid.UUID
	poison  map[string]bool
	sources []*source
	lsn     uint64
}

const (
	userCount = 300
	postCount = 120
)

// New returns a generator that has made nothing yet.
func New(cfg Config) *Generator {
	g := &Generator{
		cfg: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0)), //nolint:gosec // repeatable on purpose
		events: map[uuid.UUID]*Event{}, poison: map[string]bool{}, lsn: firstLSN,
	}
	for range userCount {
		g.users = append(g.users, g.id())
	}
	for range postCount {
		g.posts = append(g.posts, g.id())
	}
	if cfg.Changes {
		for _, table := range Tables() {
			g.sources = append(g.sources, newSource(table))
		}
	}
	return g
}

// Round makes the next round. What it holds does not depend on how much the rounds
// before held, but for copies and changes of what they left.
func (g *Generator) Round(v Volume) Round {
	g.round++
	g.random = rand.New(rand.NewPCG(g.cfg.Seed, uint64(g.round))) //nolint:gosec // repeatable on purpose
	round := Round{Steps: make([]Step, v.Steps)}
	g.addEvents(&round, v)
	for range v.Poison {
		record := g.poisonRecord()
		step := &round.Steps[g.random.IntN(v.Steps)]
		step.Records = append(step.Records, record)
	}
	for i := range v.Changes {
		step := &round.Steps[i*v.Steps/v.Changes] // in the order of the log
		step.Records = append(step.Records, g.change()...)
	}
	return round
}

// RoundNumber is that of the round made last; the first is 1.
func (g *Generator) RoundNumber() int { return g.round }

// Poison returns the values of PoisonHeader that were made.
func (g *Generator) Poison() map[string]bool { return g.poison }

// id makes a random UUID, which is never the nil one.
func (g *Generator) id() uuid.UUID {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], g.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], g.random.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

func pick[T any](g *Generator, from []T) T { return from[g.random.IntN(len(from))] }

// chance is true in percent of all cases.
func (g *Generator) chance(percent int) bool { return g.random.IntN(100) < percent }
