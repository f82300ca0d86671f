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

// unreadable is why a plan cannot be replayed.
type unreadable struct {
	reason    protocol.Reason
	partition int
	detail    string
}

// read returns the batch, nil when ctx ends first, or why it never will.
func (r *replayer) read(ctx context.Context, plan protocol.Batch, t *trouble) (*batch, *unreadable) {
	b := newBatch()
	isLossy := false
	for _, run := range plan.Ranges {
		isWhole, err, ok := r.readRange(ctx, b, run, t)
		if err != nil || !ok {
			return nil, err
		}
		isLossy = isLossy || !isWhole
	}
	if named := b.ranges(r.topic); named.TimeMS != plan.TimeMS && !isLossy {
		return nil, &unreadable{protocol.PlanMismatch, plan.Ranges[0].Partition, fmt.Sprintf(
			"the first record is of %d, not of the time planned: the topic has been made anew", named.TimeMS)}
	}
	return b, nil
}

// readRange adds a range to the batch, and says whether all of it was there.
func (r *replayer) readRange(ctx context.Context, b *batch, run protocol.Range, t *trouble) (isWhole bool, fail *unreadable, ok bool) {
	source := r.fetcher(run.Partition)
	isWhole = true
	for at := run.First; at <= run.Last; {
		c, end, err := source.fetch(ctx, at)
		if err == nil && c.next == at {
			err = fmt.Errorf("%w: %d is planned and the log ends at %d", errShortLog, at, end)
		}
		switch {
		case err == nil:
			t.over()
			b.addUpTo(c, at, run.Last)
			at = c.next
		case errors.Is(err, errShortLog) && t.lasting() > shortLogPatience:
			return false, &unreadable{protocol.PlanUnreadable, run.Partition, err.Error()}, false
		case ctx.Err() != nil:
			return false, nil, false
		case errors.Is(err, kafka.OffsetOutOfRange):
			first, last, lookup := r.ends(ctx, run.Partition)
			if lookup == nil && (at < first || at > last) {
				if r.onLoss != Skip {
					return false, &unreadable{protocol.PlanUnreadable, run.Partition, fmt.Sprintf(
						"offset %d is planned and the log has %d to %d", at, first, last)}, false
				}
				at, isWhole = r.skip(ctx, at, first, run), false
				continue
			}
			fallthrough
		default:
			if !t.wait(ctx, "replay", err) {
				return false, nil, false
			}
		}
	}
	b.first[run.Partition], b.next[run.Partition] = run.First, run.Last+1
	return isWhole, nil, true
}

// skip counts what is lost of a range and returns where it goes on.
func (r *replayer) skip(ctx context.Context, at, first int64, run protocol.Range) int64 {
	next := run.Last + 1
	if at < first {
		next = min(first, next)
	}
	r.metrics.lost.Add(ctx, next-at, r.metrics.of(r.topic, ""))
	r.log.Error("records of a plan are lost", "topic", r.topic, "partition", run.Partition, "from", at, "to", next-1)
	return next
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
