package consumer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// lane is the ordered work on one topic in one generation: sources feed chunks
// to an assembler, which closes batches, which a worker handles one by one.
type lane struct {
	topic   string
	limits  limits
	handler Handler
	commit  func(ctx context.Context, offsets map[int]int64) error
	metrics *metrics
	trouble *trouble
	sources []*source
	from    []position
	// catchUp is nil unless the handler is an Assignee, second unless it is a
	// Finisher.
	catchUp *catchUp
	second  *secondHalf

	chunks  chan chunk
	batches chan *batch
	// spare holds batches to fill again.
	spare chan *batch
}

// lifetime is how long the parts of a generation go on.
//
//nolint:containedctx // three contexts that only make sense together
type lifetime struct {
	// fetching ends when the generation does or the service is told to stop.
	fetching context.Context
	// revoked ends when the partitions may belong to someone else.
	revoked context.Context
	// working ends when the time to finish what is in hand is over.
	working context.Context
}

// run works until fetching ends and what is in hand is done. It returns an error
// of commit, which the other lanes must not outlive.
func (l *lane) run(life lifetime) error {
	defer l.trouble.forget()
	fetching, stop := context.WithCancel(life.fetching)
	defer stop()
	life.fetching = fetching // whoever waits for this lane's end waits no longer
	var parts sync.WaitGroup
	for i, s := range l.sources {
		parts.Go(func() { s.run(fetching, l.from[i]) })
	}
	go func() {
		parts.Wait()
		close(l.chunks)
	}()
	assembled := make(chan struct{})
	go func() {
		defer close(assembled)
		l.assemble()
	}()

	err := l.workAndFinish(life, stop)
	stop()
	for range l.batches { // what was assembled is forgotten
	}
	<-assembled
	return err
}

// assemble closes batches over chunks until there are no more. A batch that
// nobody takes yet goes on growing up to its limits.
func (l *lane) assemble() {
	defer close(l.batches)
	open := l.empty()
	var rest chunk
	var left bool
	timer := time.NewTimer(l.limits.age)
	defer timer.Stop()
	due := false
	for in := l.chunks; in != nil || len(open.next) > 0 || left; {
		from, out := in, chan *batch(nil)
		if open.full(l.limits) || left {
			from, due = nil, true
		}
		if in == nil {
			due = true
		}
		if due && len(open.next) > 0 {
			out = l.batches
		}
		select {
		case c, ok := <-from:
			if !ok {
				in = nil
				break
			}
			if len(open.next) == 0 {
				due = false
				timer.Reset(l.limits.age)
			}
			rest, left = open.take(c, l.limits)
		case out <- open:
			open, due = l.empty(), false
			if left {
				timer.Reset(l.limits.age)
				rest, left = open.take(rest, l.limits)
			}
		case <-timer.C:
			due = true
		}
	}
}

// empty returns a batch without records, if possible one that was used before.
func (l *lane) empty() *batch {
	select {
	case b := <-l.spare:
		return b
	default:
		return newBatch()
	}
}

// workAndFinish is work, with a Finisher's second half behind it. An error there
// stops the fetching.
func (l *lane) workAndFinish(life lifetime, stop context.CancelFunc) error {
	if l.second == nil {
		return l.work(life)
	}
	finished := make(chan error, 1)
	go func() {
		err := l.second.run(life)
		stop()
		finished <- err
	}()
	err := l.work(life)
	l.second.close()
	return errors.Join(err, <-finished)
}

// work handles batches until there are no more, they are revoked, or a commit
// fails for good.
func (l *lane) work(life lifetime) error {
	for b := range l.batches {
		isOver := life.revoked.Err() != nil || life.working.Err() != nil
		if isOver || l.second != nil && !l.second.await(life) || !l.handle(life, b) {
			return nil
		}
		if l.second != nil {
			l.second.add(b)
		} else if err := l.settle(life.working, b.next, len(b.records)); err != nil {
			return err
		}
		l.recycle(life.working, b)
	}
	return nil
}

// handle repeats a batch until the Handler has taken it. It gives up, returning
// false, when fetching is over and the attempt in hand fails.
func (l *lane) handle(life lifetime, b *batch) bool {
	if len(b.records) == 0 {
		return true
	}
	for {
		err := l.attempt(life.working, b.records)
		if err == nil {
			l.trouble.over()
			return true
		}
		if !l.trouble.wait(life.fetching, "handler", err) {
			return false
		}
	}
}

func (l *lane) attempt(ctx context.Context, records []Record) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while handling: %v\n%s", p, debug.Stack())
		}
	}()
	return l.handler.Handle(ctx, records)
}

// settle commits offsets that so many records led to, and takes note of it. What
// is given up is left to the next owner.
func (l *lane) settle(ctx context.Context, next map[int]int64, rows int) error {
	switch err := l.commit(ctx, next); {
	case errors.Is(err, errGivenUp):
		return nil
	case err != nil:
		return err
	}
	if rows > 0 {
		l.metrics.records.Add(ctx, int64(rows), l.metrics.of(l.topic, ""))
	}
	for _, s := range l.sources {
		if offset, moved := next[s.progress.partition]; moved {
			s.progress.commit(offset)
			l.catchUp.handled(l.topic, s.progress.partition, offset)
		}
	}
	return nil
}

// recycle takes note of a handled batch and keeps its memory for another.
func (l *lane) recycle(ctx context.Context, b *batch) {
	if len(b.records) > 0 {
		l.metrics.batchRows.Record(ctx, int64(len(b.records)), l.metrics.of(l.topic, ""))
	}
	b.reset()
	select {
	case l.spare <- b:
	default:
	}
}
