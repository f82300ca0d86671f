package traffic

import (
	"iter"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/tilt/stack/internal/load/sample"
)

// Fate is what became of an event.
type Fate int

// The fates of an event, as far as its sender can tell.
const (
	// FateForeign is an id that this run never issued.
	FateForeign Fate = iota
	// FateNever is an id whose event was never sent: it must not be stored.
	FateNever
	// FateUnknown was sent without an answer: it may be stored.
	FateUnknown
	// FateAccepted was answered by a 202: it must be stored, once.
	FateAccepted
)

// Counters are totals since the start of a run.
type Counters struct {
	Events     uint64 // distinct events accepted
	Duplicates uint64 // accepted copies of events accepted before
	Bodies     uint64 // bodies accepted
	Repeats    uint64 // sendings beyond a body's first, until its 202
	Changes    uint64 // rows changed by committed transactions
	Commits    uint64 // transactions committed

	FeedReads    uint64 // feed pages asked for, with an answer of Redis
	FeedHits     uint64 // those that were there
	FeedIndexed  uint64 // pages written with the index of pages
	FeedPlain    uint64 // pages written without it, as an older service does
	FeedFailures uint64 // reads and writes that Redis or ClickHouse did not answer
}

// Ledger is the record of one run: the fate of every event id issued in it.
// Ids of different runs never meet, so rows of earlier runs are told apart.
// It takes two bits per event.
type Ledger struct {
	run sample.Run

	mu       sync.Mutex
	issued   uint64
	sent     bits
	accepted bits
	counters Counters
}

// NewLedger returns an empty ledger of the run that started at that moment,
// with the resolution of a millisecond.
func NewLedger(started time.Time) *Ledger {
	return &Ledger{run: sample.NewRun(started)}
}

// Prefix returns the beginning that the text of every id of this run shares,
// and of no other run.
func (l *Ledger) Prefix() string { return l.run.ID(0).String()[:15] }

// Counters returns the totals at this moment.
func (l *Ledger) Counters() Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counters
}

// Fate returns what became of the event with that id.
func (l *Ledger) Fate(id uuid.UUID) Fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	sequence := sample.SequenceOf(id)
	switch {
	case sequence >= l.issued || l.run.ID(sequence) != id:
		return FateForeign
	case l.accepted.has(sequence):
		return FateAccepted
	case l.sent.has(sequence):
		return FateUnknown
	default:
		return FateNever
	}
}

// Accepted yields the ids of the accepted events in the order of their text.
func (l *Ledger) Accepted() iter.Seq[uuid.UUID] {
	return func(yield func(uuid.UUID) bool) {
		l.mu.Lock()
		issued := l.issued
		l.mu.Unlock()
		for sequence := range issued {
			if id := l.run.ID(sequence); l.Fate(id) == FateAccepted && !yield(id) {
				return
			}
		}
	}
}

func (l *Ledger) issue() uuid.UUID {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.issued++
	return l.run.ID(l.issued - 1)
}

// sending records that ids are about to leave: from here on they may arrive.
func (l *Ledger) sending(ids []uuid.UUID, repeat bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.sent.set(sample.SequenceOf(id))
	}
	if repeat {
		l.counters.Repeats++
	}
}

func (l *Ledger) accept(ids []uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counters.Bodies++
	for _, id := range ids {
		if l.accepted.set(sample.SequenceOf(id)) {
			l.counters.Events++
		} else {
			l.counters.Duplicates++
		}
	}
}

func (l *Ledger) committed(rows int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counters.Commits++
	l.counters.Changes += uint64(rows)
}

// feed counts what a reader of feeds has done.
func (l *Ledger) feed(add func(*Counters)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.counters)
}

// bits is a growing set of small numbers.
type bits []uint64

func (b *bits) set(n uint64) (added bool) {
	word, mask := n/64, uint64(1)<<(n%64)
	for uint64(len(*b)) <= word {
		*b = append(*b, 0)
	}
	added = (*b)[word]&mask == 0
	(*b)[word] |= mask
	return added
}

func (b bits) has(n uint64) bool {
	return n/64 < uint64(len(b)) && b[n/64]&(1<<(n%64)) != 0
}
