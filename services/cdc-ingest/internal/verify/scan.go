package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// progressInterval is how often a long work says how far it is.
	progressInterval = 3 * time.Second
	// progressRows is how many rows pass between looks at the clock.
	progressRows = 1024
)

var errTooMany = errors.New("too many keys differ")

// scan is one pass over both sides of a table.
type scan struct {
	plan     *plan
	progress func(format string, args ...any)
	// most is how many candidates there may be. onFull is called with so many, and
	// returns those that still differ.
	most   int
	onFull func(context.Context, []string) ([]string, error)

	candidates         []string
	sourceRows, stored int64
	started, said      time.Time
}

// run compares a table and collects the keys that differ. It returns errTooMany
// when they are too many; what is collected until then is valid.
func (s *scan) run(ctx context.Context, conn *pgx.Conn, from Querier) error {
	s.started = time.Now()
	s.said = s.started
	source, err := openSource(ctx, conn, s.plan)
	if err != nil {
		return err
	}
	defer source.close()
	// The first row comes when PostgreSQL has sorted.
	ours, err := source.next()
	if err != nil {
		return err
	}
	stored := openStored(ctx, from, s.plan)
	defer stored.close()
	theirs, err := stored.next()
	for err == nil && (ours != nil || theirs != nil) {
		takeOurs, takeTheirs := s.step(ours, theirs)
		if err = s.makeRoom(ctx); err != nil {
			return err
		}
		if takeOurs {
			s.sourceRows++
			if ours, err = source.next(); err != nil {
				return err
			}
		}
		if takeTheirs {
			s.stored++
			theirs, err = stored.next()
		}
		s.report()
	}
	return err
}

// step compares the first rows of both sides and says which of them are done with.
func (s *scan) step(ours, theirs row) (takeOurs, takeTheirs bool) {
	var order int
	switch {
	case theirs == nil:
		order = -1
	case ours == nil:
		order = 1
	default:
		order = s.plan.order.compare(ours.key(), theirs.key())
	}
	switch {
	case order < 0:
		s.candidates = append(s.candidates, ours.key())
	case order > 0:
		s.candidates = append(s.candidates, theirs.key())
	case !ours.equals(theirs):
		s.candidates = append(s.candidates, ours.key())
	}
	return order <= 0, order >= 0
}

// makeRoom drops candidates that have caught up once there are as many as may be.
func (s *scan) makeRoom(ctx context.Context) error {
	if len(s.candidates) < s.most {
		return nil
	}
	left, err := s.onFull(ctx, s.candidates)
	if err != nil {
		return err
	}
	s.candidates = left
	if len(left) > s.most/2 {
		return fmt.Errorf("%w: stopped after %d rows of PostgreSQL and %d of ClickHouse", errTooMany, s.sourceRows, s.stored)
	}
	return nil
}

func (s *scan) report() {
	if (s.sourceRows+s.stored)%progressRows != 0 || time.Since(s.said) < progressInterval {
		return
	}
	s.said = time.Now()
	rate := float64(max(s.sourceRows, s.stored)) / time.Since(s.started).Seconds()
	s.progress("%d rows of PostgreSQL and %d of ClickHouse read, %.0f rows/s, %d keys to read again", s.sourceRows, s.stored, rate, len(s.candidates))
}
