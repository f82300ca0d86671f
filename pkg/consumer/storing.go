package consumer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/nova-data/nova/pkg/consumer/protocol"
	"github.com/nova-data/nova/pkg/failpoint"
)

// storing is the worker of a Sink: one goroutine prepares batches, and another
// stores and commits the one before.
type storing struct {
	*lane

	sink       Sink
	failpoints *failpoint.Set
	commits    *committer
	// trouble and watch are of storing, the others of preparing.
	trouble, preparing    *trouble
	watch, preparingWatch *watch

	ready chan *prepared
	// failing is since when Store has failed, in nanoseconds since 1970; 0: it has not.
	failing atomic.Int64
}

// failingFor is how long Store has failed, to any goroutine.
func (s *storing) failingFor() time.Duration {
	since := s.failing.Load()
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}

// prepared is a batch and what the sink has made of it.
type prepared struct {
	batch *batch
	named protocol.Batch
	// load is nil for a batch without records.
	load Load
}

// rejects says whether letters are due.
func (p *prepared) rejects() bool { return p != nil && p.load != nil && p.load.Rejects() > 0 }

// prepareAll prepares batches until there are no more, or fetching ends.
func (s *storing) prepareAll(life lifetime) {
	defer close(s.ready)
	defer s.preparing.forget()
	for b := range s.batches {
		p, ok := s.prepare(life, b, s.preparing, s.preparingWatch)
		if !ok {
			s.recycle(b)
			return
		}
		select {
		case s.ready <- p:
		case <-life.fetching.Done():
			s.forget(p)
			return
		}
	}
}

// prepare repeats a batch until the sink has prepared it. It gives up, returning
// false, when fetching is over.
func (s *storing) prepare(life lifetime, b *batch, t *trouble, w *watch) (*prepared, bool) {
	p := &prepared{batch: b, named: b.ranges(s.topic)}
	for len(b.records) > 0 {
		err := w.protect("Prepare", func() (err error) {
			p.load, err = s.sink.Prepare(life.fetching, b.records)
			return err
		})
		if err == nil {
			t.over()
			break
		}
		if !t.wait(life.fetching, "prepare", err) {
			return nil, false
		}
	}
	return p, true
}

// bury repeats until the letters of a batch are acknowledged. It gives up,
// returning false, when fetching is over and the attempt in hand fails.
func (s *storing) bury(life lifetime, p *prepared) bool {
	for p.rejects() {
		err := s.watch.protect("Bury", func() error { return p.load.Bury(life.working) })
		if err == nil {
			s.trouble.over()
			continue
		}
		if !s.trouble.wait(life.fetching, "letters", err) {
			return false
		}
	}
	return true
}

// store repeats until the rows of a batch are stored, or records of it are found
// to be rejected. It gives up, returning false, when fetching is over and the
// attempt in hand fails.
func (s *storing) store(life lifetime, p *prepared, plan Plan) (isRejecting, isStored bool) {
	for p.load != nil {
		err := s.watch.protect("Store", func() error { return p.load.Store(life.working, plan) })
		switch {
		case err == nil:
			s.failing.Store(0)
			s.trouble.over()
			return false, true
		case errors.Is(err, ErrRejected) && p.rejects():
			s.failing.Store(0) // the store has answered
			return true, false
		}
		s.failing.CompareAndSwap(0, time.Now().UnixNano())
		if !s.trouble.wait(life.fetching, "store", err) {
			return false, false
		}
	}
	return false, true
}

// finish takes note of a batch whose offsets are committed.
func (s *storing) finish(ctx context.Context, p *prepared, next map[int]int64) {
	s.settled(ctx, next, len(p.batch.records))
	s.worked(ctx, p.batch)
	if p.load != nil {
		p.load.Done(true)
	}
	s.recycle(p.batch)
}

// forget lets go of a batch that is left to its next owner.
func (s *storing) forget(p *prepared) {
	if p == nil {
		return
	}
	if p.load != nil {
		p.load.Done(false)
	}
	s.recycle(p.batch)
}

// forgetRest lets go of what is prepared and will not be stored.
func (s *storing) forgetRest() {
	for p := range s.ready {
		s.forget(p)
	}
}

// unplanned stores batches whose rows may be stored again: offsets are committed
// after. It is a worker.
type unplanned struct {
	*storing

	// hasTokens says that a fault test has switched plans off, and nothing else.
	hasTokens bool
}

// work implements worker.
func (u *unplanned) work(life lifetime, stop context.CancelFunc) error {
	defer u.trouble.forget()
	go u.prepareAll(life)
	defer u.forgetRest()
	defer stop()
	for p := range u.ready {
		if isDone, err := u.one(life, p); err != nil || !isDone {
			u.forget(p)
			return err
		}
	}
	return nil
}

// one stores and commits a batch. It returns false when the batch is given up.
func (u *unplanned) one(life lifetime, p *prepared) (bool, error) {
	var plan Plan
	if u.hasTokens {
		plan = Plan{Text: p.named.Text(), At: time.Now()}
	}
	for {
		if life.isOver() || !u.bury(life, p) {
			return false, nil
		}
		isRejecting, isStored := u.store(life, p, plan)
		if isStored {
			break
		}
		if !isRejecting {
			return false, nil
		}
	}
	switch err := u.commits.commit(life.working, p.batch.next); {
	case errors.Is(err, errGivenUp):
		return false, nil
	case err != nil:
		return false, err
	}
	u.finish(life.working, p, p.batch.next)
	return true, nil
}
