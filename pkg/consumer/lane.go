package consumer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/nova-data/nova/pkg/consumer/protocol"
)

// lane is the ordered work on partitions of one topic in one generation: sources
// feed chunks to an assembler, which closes batches, which a worker takes one by
// one.
type lane struct {
	topic   string
	name    string // of the topic or its part, in reports
	limits  limits
	metrics *metrics
	log     *slog.Logger
	budget  *budget
	gate    *gate
	sources []*source
	from    []position
	// grouping says which partitions share a batch; nil: all do.
	grouping *protocol.Grouping
	// isAlone says, to the assembler, that the open batch is for one partition.
	isAlone bool
	worker  worker

	chunks  chan chunk
	batches chan *batch
	// spare holds batches to fill again.
	spare chan *batch
}

// worker takes the batches of a lane.
type worker interface {
	// work takes batches until there are no more, or they are revoked. An error is
	// one of commit or a halt, which the other lanes must not outlive. stop ends
	// the lane's fetching.
	work(life lifetime, stop context.CancelFunc) error
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

// isOver says that nothing may be begun any more.
func (l lifetime) isOver() bool { return l.revoked.Err() != nil || l.working.Err() != nil }

// run works until fetching ends and what is in hand is done. Its error is the
// worker's.
func (l *lane) run(life lifetime) error {
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

	err := l.worker.work(life, stop)
	stop()
	for b := range l.batches { // what was assembled is forgotten
		l.recycle(b)
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
			rest, left = l.take(open, c)
			due = due || l.isAlone
		case out <- open:
			open, due, l.isAlone = l.empty(), false, false
			if left {
				timer.Reset(l.limits.age)
				rest, left = l.take(open, rest)
				due = l.isAlone
			}
		case <-timer.C:
			due = true
		}
	}
}

// take moves records to an open batch and returns what is left of them: all of
// them, if their partition may not share the batch.
func (l *lane) take(open *batch, c chunk) (rest chunk, left bool) {
	if l.grouping == nil {
		return open.take(c, l.limits)
	}
	isNew := l.grouping.IsAlone(c.partition)
	switch _, isIn := open.next[c.partition]; {
	case len(open.next) == 0:
		l.isAlone = isNew
		l.grouping.Closed(c.partition) // from the next batch on it may share
	case !isIn && (isNew || l.isAlone):
		return c, true
	}
	return open.take(c, l.limits)
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

// recycle takes note of a batch that is done with and keeps its memory for another.
func (l *lane) recycle(b *batch) {
	for partition, bytes := range b.held {
		l.budget.give(l.progressOf(partition), bytes)
	}
	b.reset()
	select {
	case l.spare <- b:
	default:
	}
}

func (l *lane) progressOf(partition int) *progress {
	for _, s := range l.sources {
		if s.progress.partition == partition {
			return s.progress
		}
	}
	return nil
}

// settled takes note of committed offsets and of the records they passed.
func (l *lane) settled(ctx context.Context, next map[int]int64, rows int) {
	if rows > 0 {
		l.metrics.records.Add(ctx, int64(rows), l.metrics.of(l.topic, ""))
	}
	for _, s := range l.sources {
		if offset, moved := next[s.progress.partition]; moved {
			s.progress.commit(offset)
		}
	}
}

// worked takes note of a batch that has its effect.
func (l *lane) worked(ctx context.Context, b *batch) {
	if len(b.records) > 0 {
		l.metrics.batchRows.Record(ctx, int64(len(b.records)), l.metrics.of(l.topic, ""))
	}
}

// fetchConfig is how one partition of the lane is fetched.
func (l *lane) fetchConfig(cfg Config) Config {
	cfg.FetchBytes = l.budget.fetchBytes(cfg.FetchBytes)
	return cfg
}
