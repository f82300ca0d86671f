package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nova-data/nova/pkg/consumer/protocol"
)

// replayer reads the batches of found plans again, other owners' partitions too.
type replayer struct {
	topic   string
	fetcher func(partition int) fetcher
	ends    func(ctx context.Context, partition int) (first, last int64, err error)
	onLoss  OnDataLoss
	log     *slog.Logger
	metrics *metrics
}

// errShortLog says that the log ends before the plan does.
var errShortLog = errors.New("the log is too short")

// shortLogPatience is how long a log may be too short: a new leader may not know
// yet that its last records are committed.
const shortLogPatience = 30 * time.Second

// unreadable is why a plan cannot be replayed: its records are gone, or others lie
// in their place.
type unreadable struct {
	detail string
	isAnew bool
}

// read returns the batch, nil when ctx ends first, or why it never will.
func (r *replayer) read(ctx context.Context, plan protocol.Batch, t *trouble) (*batch, *unreadable) {
	b := newBatch()
	isWhole := true
	for _, run := range plan.Ranges {
		reading := &rangeReading{replayer: r, batch: b, run: run, source: r.fetcher(run.Partition), trouble: t, isWhole: true}
		if fail, ok := reading.read(ctx); !ok {
			return nil, fail
		}
		isWhole = isWhole && reading.isWhole
	}
	if named := b.ranges(r.topic); named.TimeMS != plan.TimeMS && isWhole {
		return nil, &unreadable{isAnew: true, detail: fmt.Sprintf("the first record is of %d, not of the time planned", named.TimeMS)}
	}
	return b, nil
}

// rangeReading is the reading of one range of a plan.
type rangeReading struct {
	*replayer

	batch   *batch
	run     protocol.Range
	source  fetcher
	trouble *trouble
	// isWhole says that nothing of the range is lost.
	isWhole bool
	// shortSince is when the log was found to be too short; zero: it was not.
	shortSince time.Time
}

// read adds the range to the batch. It returns false, with a reason or because ctx
// has ended.
func (r *rangeReading) read(ctx context.Context) (*unreadable, bool) {
	for at := r.run.First; at <= r.run.Last; {
		next, fail := r.step(ctx, at)
		if fail != nil || ctx.Err() != nil {
			return fail, false
		}
		at = next
	}
	r.batch.first[r.run.Partition], r.batch.next[r.run.Partition] = r.run.First, r.run.Last+1
	return nil, true
}

// step reads on from an offset, or waits for what stands in the way to pass, and
// returns where to go on.
func (r *rangeReading) step(ctx context.Context, at int64) (int64, *unreadable) {
	c, end, err := protectedFetch(ctx, r.source, at)
	isShort := err == nil && c.next == at
	switch {
	case isShort:
		if r.shortSince.IsZero() {
			r.shortSince = time.Now()
		}
		err = fmt.Errorf("%w: %d is planned and the log ends at %d", errShortLog, at, end)
		if time.Since(r.shortSince) > shortLogPatience {
			return r.lose(ctx, at, r.run.Last+1, err)
		}
	case err == nil:
		r.shortSince = time.Time{}
		r.trouble.over()
		r.batch.addUpTo(c, at, r.run.Last)
		return c.next, nil
	case errors.Is(err, kafka.OffsetOutOfRange):
		first, last, lookup := r.ends(ctx, r.run.Partition)
		if lookup == nil && at < first {
			return r.lose(ctx, at, min(first, r.run.Last+1), fmt.Errorf("offset %d is planned and the log has %d to %d", at, first, last))
		}
		if lookup == nil && at > last {
			return r.lose(ctx, at, r.run.Last+1, fmt.Errorf("offset %d is planned and the log has %d to %d", at, first, last))
		}
	}
	if !isShort {
		r.shortSince = time.Time{}
	}
	r.trouble.wait(ctx, "replay", err)
	return at, nil
}

// lose gives records up to an offset up, if that is allowed, and counts them.
func (r *rangeReading) lose(ctx context.Context, at, next int64, why error) (int64, *unreadable) {
	if r.onLoss != Skip {
		return at, &unreadable{detail: why.Error()}
	}
	r.isWhole = false
	r.metrics.lost.Add(ctx, next-at, r.metrics.of(r.topic, ""))
	r.log.Error("records of a plan are lost", "topic", r.topic, "partition", r.run.Partition, "from", at, "to", next-1, "error", why)
	return next, nil
}

// addUpTo adds the records of c up to an offset.
func (b *batch) addUpTo(c chunk, from, last int64) {
	c.from = from
	for i := range c.records {
		if c.records[i].Offset > last {
			c.records = c.records[:i]
			break
		}
	}
	b.take(c, limits{rows: len(b.records) + len(c.records) + 1, bytes: b.bytes + c.memory() + 1})
	clear(b.held) // read outside of the budget
}
