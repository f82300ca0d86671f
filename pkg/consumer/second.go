package consumer

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"
)

// secondHalf finishes and commits what a lane with a Finisher has handled, while
// the lane goes on. Batches that wait for it are finished together.
type secondHalf struct {
	finish  func(ctx context.Context) error
	settle  func(ctx context.Context, next map[int]int64, rows int) error
	trouble *trouble

	// handled holds one: something has been added. It is closed at the end.
	handled chan struct{}

	mu   sync.Mutex
	next map[int]int64
	rows int
}

func newSecondHalf(finish func(ctx context.Context) error, t *trouble) *secondHalf {
	return &secondHalf{finish: finish, trouble: t, handled: make(chan struct{}, 1), next: map[int]int64{}}
}

// add takes a handled batch, which may be used again afterwards.
func (s *secondHalf) add(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.next, b.next)
	s.rows += len(b.records)
	select {
	case s.handled <- struct{}{}:
	default: // it is known
	}
}

// close says that nothing is added any more.
func (s *secondHalf) close() { close(s.handled) }

// take returns everything added since the last take.
func (s *secondHalf) take() (next map[int]int64, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, rows = s.next, s.rows
	s.next, s.rows = map[int]int64{}, 0
	return next, rows
}

// run works until close, until there is no time left, or until a commit fails
// for good. What is not finished then is left to the next owner.
func (s *secondHalf) run(life lifetime) error {
	defer s.trouble.forget()
	for range s.handled {
		next, rows := s.take()
		if len(next) == 0 {
			continue
		}
		if rows > 0 && !s.finished(life) {
			return nil
		}
		if err := s.settle(life.working, next, rows); err != nil {
			return err
		}
	}
	return nil
}

// finished repeats finish until it succeeds. It gives up, returning false, when
// fetching is over and the attempt in hand fails.
func (s *secondHalf) finished(life lifetime) bool {
	for {
		err := s.attempt(life.working)
		if err == nil {
			s.trouble.over()
			return true
		}
		if !s.trouble.wait(life.fetching, "handler", err) {
			return false
		}
	}
}

func (s *secondHalf) attempt(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while finishing: %v\n%s", p, debug.Stack())
		}
	}()
	return s.finish(ctx)
}
