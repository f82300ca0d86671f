package consumer

import (
	"context"
	"maps"
	"sync"
	"time"
)

// secondHalf finishes and commits what a lane with a Finisher has handled, while
// the lane goes on. Batches that wait for it are finished together.
type secondHalf struct {
	finish  func(ctx context.Context) error
	settle  func(ctx context.Context, next map[int]int64, rows int) error
	trouble *trouble
	watch   *watch

	// mostRows is how many records may wait before the lane does.
	mostRows int

	// handled holds one: something has been added. It is closed at the end.
	handled chan struct{}

	mu   sync.Mutex
	next map[int]int64
	rows int // added and not taken
	// open is how many are not settled yet; room is closed when there is room
	// again, and nil while nobody waits for that.
	open int
	room chan struct{}
}

func newSecondHalf(finish func(ctx context.Context) error, mostRows int, t *trouble) *secondHalf {
	return &secondHalf{finish: finish, mostRows: mostRows, trouble: t, watch: &watch{part: t.part}, handled: make(chan struct{}, 1), next: map[int]int64{}}
}

// await returns true when there is room for another batch, and false when
// fetching ends first: then nothing more is to be handled.
func (s *secondHalf) await(life lifetime) bool {
	for {
		room := s.full()
		if room == nil {
			return true
		}
		select {
		case <-room:
		case <-life.fetching.Done():
			return false
		}
	}
}

// full returns nil, or what is closed when it is worth looking again.
func (s *secondHalf) full() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open < s.mostRows {
		return nil
	}
	if s.room == nil {
		s.room = make(chan struct{})
	}
	return s.room
}

// settled says that so many records wait no more.
func (s *secondHalf) settled(rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open -= rows
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
}

// add takes a handled batch, which may be used again afterwards.
func (s *secondHalf) add(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.next, b.next)
	s.rows += len(b.records)
	s.open += len(b.records)
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

// drainGrace is how long what is being finished may take when partitions are
// revoked or the service stops. Others wait for it, and can do it again.
const drainGrace = 2 * time.Second

// run works until close, until there is no time left, or until a commit fails
// for good. What is not finished then is left to the next owner.
func (s *secondHalf) run(life lifetime) error {
	defer s.trouble.forget()
	finishing, giveUp := context.WithCancel(life.working)
	defer giveUp()
	defer context.AfterFunc(life.fetching, func() {
		_ = sleep(finishing, drainGrace)
		giveUp()
	})()
	for range s.handled {
		next, rows := s.take()
		if len(next) == 0 {
			continue
		}
		if rows > 0 && !s.finished(life.fetching, finishing) {
			return nil
		}
		if err := s.settle(life.working, next, rows); err != nil {
			return err
		}
		s.settled(rows)
	}
	return nil
}

// finished repeats finish until it succeeds. It gives up, returning false, when
// fetching is over and the attempt in hand fails.
func (s *secondHalf) finished(fetching, finishing context.Context) bool {
	for {
		err := s.watch.protect("Finish", func() error { return s.finish(finishing) })
		if err == nil {
			s.trouble.over()
			return true
		}
		if !s.trouble.wait(fetching, "handler", err) {
			return false
		}
	}
}
