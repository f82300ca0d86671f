package verify

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// lookupKeys is how many keys are read at a time.
	lookupKeys = 2000
	// readsToSettle is how often a difference is seen at the least.
	readsToSettle = 3
	// patience is how many settle times a key that keeps changing is followed, and
	// how many reads, which may take longer.
	patience = 6
	// maxSeen bounds the states of a row of PostgreSQL that are remembered.
	maxSeen = 64
)

// candidate is a key that has differed.
type candidate struct {
	// seen are the states that PostgreSQL has had since.
	seen map[uint64]bool

	source, stored uint64
	since          time.Time
	reads          int
}

// settling reads keys again until what they show is final.
type settling struct {
	plan     *plan
	conn     *pgx.Conn
	from     Querier
	settle   time.Duration
	limit    int
	progress func(format string, args ...any)

	seed maphash.Seed
	left map[string]*candidate
}

// outcome is what became of the candidates that have not caught up.
type outcome struct {
	differences int64
	examples    []Difference
	changing    []string
}

// run follows the keys until none is left or the time is up.
func (s *settling) run(ctx context.Context, keys []string) (outcome, error) {
	s.seed, s.left = maphash.MakeSeed(), map[string]*candidate{}
	for _, key := range keys {
		s.left[key] = &candidate{seen: map[uint64]bool{}}
	}
	var result outcome
	started, said := time.Now(), time.Now()
	for reads := 1; ; reads++ {
		if err := s.readAgain(ctx, &result); err != nil {
			return outcome{}, err
		}
		switch {
		case len(s.left) == 0:
			return result, nil
		case reads > patience && time.Since(started) > patience*s.settle:
			result.changing = slices.Sorted(maps.Keys(s.left))
			return result, nil
		case time.Since(said) > progressInterval:
			said = time.Now()
			s.progress("%d keys still differ, %d are final", len(s.left), result.differences)
		}
		if err := pause(ctx, max(s.settle/5, 10*time.Millisecond)); err != nil {
			return outcome{}, err
		}
	}
}

// stillDiffering returns those of the keys that differ now.
func (s *settling) stillDiffering(ctx context.Context, keys []string) ([]string, error) {
	var left []string
	err := s.eachPair(ctx, keys, func(key string, ours, theirs row) {
		if !ours.equals(theirs) {
			left = append(left, key)
		}
	})
	return left, err
}

func (s *settling) readAgain(ctx context.Context, result *outcome) error {
	now := time.Now()
	return s.eachPair(ctx, slices.Sorted(maps.Keys(s.left)), func(key string, ours, theirs row) {
		c := s.left[key]
		source, stored := ours.hash(s.seed), theirs.hash(s.seed)
		if len(c.seen) < maxSeen {
			c.seen[source] = true
		}
		if c.seen[stored] || source == stored {
			delete(s.left, key)
			return
		}
		if c.reads == 0 || source != c.source || stored != c.stored {
			c.source, c.stored, c.since, c.reads = source, stored, now, 0
		}
		c.reads++
		if c.reads >= readsToSettle && now.Sub(c.since) >= s.settle {
			delete(s.left, key)
			result.differences++
			if len(result.examples) < s.limit {
				result.examples = append(result.examples, s.plan.describe(key, ours, theirs))
			}
		}
	})
}

// eachPair reads keys on both sides, PostgreSQL first: what ClickHouse has by then
// and PostgreSQL had is not behind.
func (s *settling) eachPair(ctx context.Context, keys []string, each func(key string, ours, theirs row)) error {
	for batch := range slices.Chunk(keys, lookupKeys) {
		ours, err := lookUpSource(ctx, s.conn, s.plan, batch)
		if err != nil {
			return err
		}
		theirs, err := lookUpStored(ctx, s.from, s.plan, batch)
		if err != nil {
			return err
		}
		for _, key := range batch {
			each(key, ours[key], theirs[key])
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("waiting for differences to settle: %w", ctx.Err())
	case <-timer.C:
		return nil
	}
}
