package schedule

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Round is the faults of one round, in the order of their times.
type Round struct {
	Number int
	Faults []Fault
}

// Has reports whether a kind is among the faults.
func (r Round) Has(kind Kind) bool {
	return slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Kind == kind })
}

// The services of which replicas are hit.
const (
	EventsIngest = "events-ingest"
	CDCIngest    = "cdc-ingest"
)

// Replicas is how many replicas a service has.
const Replicas = 2

const (
	// earliest and latest are when faults begin: while records are sent.
	earliest, latest = 200 * time.Millisecond, 2 * time.Second
	// shortest and longest are how long most faults last.
	shortest, longest = 300 * time.Millisecond, 3 * time.Second
	// zombieFor is more than the session of six seconds.
	zombieFor = 7 * time.Second
	// most is how many faults a round has.
	most = 3
)

// Draw returns the faults of a round; the first round is 1. Kinds are those that can
// be done; without any there are no faults.
func Draw(seed uint64, number int, kinds []Kind) Round {
	if len(kinds) == 0 {
		return Round{Number: number}
	}
	order := slices.Clone(kinds)
	cycle := (number - 1) / len(kinds)
	shuffle := rand.New(rand.NewPCG(seed, uint64(1_000_000+cycle))) //nolint:gosec // repeatable on purpose
	shuffle.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })

	d := drawing{rand.New(rand.NewPCG(seed, uint64(2_000_000+number)))} //nolint:gosec // repeatable on purpose
	round := Round{Number: number, Faults: []Fault{d.fault(order[(number-1)%len(kinds)])}}
	touched := []string{round.Faults[0].part()}
	for range d.IntN(most) {
		f := d.fault(kinds[d.IntN(len(kinds))])
		if !slices.Contains(touched, f.part()) {
			round.Faults, touched = append(round.Faults, f), append(touched, f.part())
		}
	}
	slices.SortStableFunc(round.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	return round
}

// drawing is the source of one round's faults.
type drawing struct{ *rand.Rand }

func (d drawing) fault(kind Kind) Fault {
	f := Fault{Kind: kind, At: d.between(earliest, latest)}
	switch kind {
	case Kill, Point, Zombie, Join:
		return d.onService(f)
	case Constraint: // before the first event, and until all is quiet
		f.At = 0
	case View:
		f.At, f.For = 0, d.between(shortest, longest)
	case Kafka, RedisKill, RedisAway, RedisHang, ClickHouseKill, ClickHouseAway, ClickHouseHang, ClickHouseSlow:
		f.For = d.between(shortest, longest)
	default:
		return d.onInsert(f)
	}
	return f
}

func (d drawing) onService(f Fault) Fault {
	f.Service, f.Replica = []string{EventsIngest, CDCIngest}[d.IntN(2)], d.IntN(Replicas)
	if d.IntN(3) > 0 { // the one that has more to lose
		f.Service = EventsIngest
	}
	switch f.Kind {
	case Point:
		points := []string{"after_claim", "after_plan", "after_insert", "after_letter"}
		if f.Service == CDCIngest {
			points = []string{"after_insert", "after_letter"}
		}
		f.Point, f.N = points[d.IntN(len(points))], 1+d.IntN(3)
		f.At = earliest
	case Zombie:
		f.For = zombieFor + d.between(0, time.Second)
	case Join:
		f.For = d.between(shortest, longest)
	default: // Kill, which needs no more
	}
	return f
}

// onInsert completes a fault that strikes at an insert.
func (d drawing) onInsert(f Fault) Fault {
	f.After = d.IntN(2) == 0
	switch f.Kind {
	case ClickHouseExit:
		f.For = d.between(shortest, longest)
		f.Table = []string{"post_events", ""}[d.IntN(2)]
	case ClickHousePlaced:
		f.N, f.After, f.For = 1+d.IntN(3), false, longest
	case ClickHouseReset:
		f.N, f.Bytes, f.For = 1+d.IntN(3), 1+d.Int64N(20_000), longest
		if f.After { // in an answer, which is short
			f.Bytes = 1 + d.Int64N(200)
		}
	case ClickHouseCut:
		f.N, f.After, f.Table, f.For = 1+d.IntN(3), true, "post_events", longest
	case ClickHouseRefuse:
		f.Code, f.For = []int{252, 164, 241}[d.IntN(3)], d.between(shortest, longest)
		f.After = f.Code == 241 && f.After // the others are found before anything is stored
	default: // it is none
	}
	return f
}

func (d drawing) between(low, high time.Duration) time.Duration {
	return (low + time.Duration(d.Int64N(int64(high-low)))).Truncate(10 * time.Millisecond)
}
