package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
)

// Cache holds the pages.
type Cache interface {
	// Sweep removes each page, there when it is called, of a user whom isPending
	// names, and returns how many it has removed, also beside an error.
	Sweep(ctx context.Context, isPending func(user uuid.UUID) bool) (pages int, err error)
}

// Deps is what a Sweeper works with.
type Deps struct {
	Cache Cache
	// Removed is told of pages that are gone.
	Removed func(ctx context.Context, pages int)
	Meter   metric.Meter
}

// Sweeper sweeps for all who wait.
type Sweeper struct {
	cfg      Config
	deps     Deps
	duration metric.Float64Histogram

	wake  chan struct{} // holds one: somebody has joined the round to come
	ended chan struct{} // closed when Run has

	mu   sync.Mutex
	next *round
}

// round is one sweep and those who wait for it.
type round struct {
	users []map[uuid.UUID]struct{}
	done  chan struct{} // closed when err is set
	err   error
}

func newRound() *round { return &round{done: make(chan struct{})} }

func (r *round) isPending(user uuid.UUID) bool {
	for _, set := range r.users {
		if _, isIn := set[user]; isIn {
			return true
		}
	}
	return false
}

// New returns a Sweeper. Its error is the meter's.
func New(cfg Config, deps Deps) (*Sweeper, error) {
	duration, err := deps.Meter.Float64Histogram("cache_sweep_duration_seconds", metric.WithUnit("s"),
		metric.WithDescription("Time of one look at all keys of Redis; pages wait for it, and for four times as long between two."),
		metric.WithExplicitBucketBoundaries(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300))
	if err != nil {
		return nil, fmt.Errorf("creating metrics: %w", err)
	}
	return &Sweeper{
		cfg: cfg, deps: deps, duration: duration, next: newRound(),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}, nil
}

var errEnded = errors.New("the sweeper has ended")

// Sweep returns when a sweep for users that began after the call has ended, with
// its error, or when ctx ends. The set must not change from then on.
func (s *Sweeper) Sweep(ctx context.Context, users map[uuid.UUID]struct{}) error {
	r := s.join(users)
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for a sweep: %w", ctx.Err())
	case <-s.ended:
		return fmt.Errorf("waiting for a sweep: %w", errEnded)
	}
}

func (s *Sweeper) join(users map[uuid.UUID]struct{}) *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next.users = append(s.next.users, users)
	select {
	case s.wake <- struct{}{}:
	default: // it knows
	}
	return s.next
}

// begin ends the joining of a round; who comes later is in the next one.
func (s *Sweeper) begin() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.next
	s.next = newRound()
	select {
	case <-s.wake: // by one who has just joined
	default:
	}
	return r
}

// Run sweeps whenever somebody waits, until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	defer close(s.ended)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		if !sleep(ctx, s.sweep(ctx)) {
			return nil
		}
	}
}

const (
	// busyShare is how many times as long as a sweep the pause after it is.
	busyShare = 4
	// longestAfterError bounds the pause after a sweep that failed, which may
	// rather have waited for Redis than kept it busy.
	longestAfterError = 5 * time.Second
)

// sweep does one round and returns how long to pause after it.
func (s *Sweeper) sweep(ctx context.Context) time.Duration {
	r := s.begin()
	started := time.Now()
	pages, err := s.deps.Cache.Sweep(ctx, r.isPending)
	took := time.Since(started)
	s.deps.Removed(ctx, pages)
	r.err = err
	close(r.done)
	if err != nil {
		return max(s.cfg.Interval, min(busyShare*took, longestAfterError))
	}
	s.duration.Record(ctx, took.Seconds())
	return max(s.cfg.Interval, busyShare*took)
}

// sleep waits for d and returns whether ctx lasted that long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
