package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/nova-data/nova/pkg/consumer"
)

// tries is how often a record is tried before it is refused.
const tries = 3

// errUnsteady says that Fill has changed its mind about a record: then something
// beside the record decides, which a pause may put right.
var errUnsteady = errors.New("a record is refused that was taken before")

// prepare fills the batch. A record counts as refused when it is so by the batch
// filled with everything and, by itself, twice more. If one of them is not, it
// counts when the whole batch refuses it three times.
func (l *load) prepare(ctx context.Context) error {
	refused, err := l.fill(ctx, &l.batch, all(l.records))
	if err != nil {
		return err
	}
	stay, err := l.refusedAgain(ctx, refused)
	if err != nil {
		return err
	}
	for range tries - 1 {
		if refused.isWithin(stay) {
			break
		}
		next, err := l.fill(ctx, &l.batch, all(l.records))
		if err != nil {
			return err
		}
		if !next.isWithin(refused) {
			return errUnsteady
		}
		refused = next
	}
	l.block = l.batch.Block()
	l.refuse(refused)
	return nil
}

// complete fills the batch anew, with what is stored, if rows of it take that.
func (l *load) complete(ctx context.Context) error {
	if !l.isIncomplete {
		return nil
	}
	l.isOrdered = true
	if err := l.prepare(ctx); err != nil {
		return fmt.Errorf("completing %d records of %s: %w", len(l.records), l.topic.name, err)
	}
	l.isIncomplete = false
	if l.Rejects() > 0 {
		return fmt.Errorf("%d records of %s cannot be completed: %w", l.Rejects(), l.topic.name, consumer.ErrRejected)
	}
	return nil
}

// filling is what fills b: what completes it once all earlier batches are stored.
func (l *load) filling(b Batch) filling {
	if c, isCompleter := b.(Completer); isCompleter && l.isOrdered {
		return c.Complete
	}
	return b.Fill
}

// refusedAgain returns the refused records that two more tries without the others
// refuse too.
func (l *load) refusedAgain(ctx context.Context, refused refusals) (refusals, error) {
	stay := refusals{}
	left := refusals{}
	for place, r := range refused {
		if r.Class == ClassPanic { // was tried alone
			stay[place] = r
		} else {
			left[place] = r
		}
	}
	var scratch Batch
	defer func() { l.topic.give(scratch) }()
	for range tries - 1 {
		if len(left) == 0 {
			break
		}
		again, err := l.fill(ctx, &scratch, all(l.records).where(left.has))
		if err != nil {
			return nil, err
		}
		left = again
	}
	maps.Copy(stay, left)
	return stay, nil
}

func (r refusals) has(place int) bool {
	_, isRefused := r[place]
	return isRefused
}

func (r refusals) isWithin(other refusals) bool {
	for place := range r {
		if !other.has(place) {
			return false
		}
	}
	return true
}

// fill fills *b, which it makes if it is nil, with a portion. Records at which
// Fill panics are among the refused.
func (l *load) fill(ctx context.Context, b *Batch, p portion) (refusals, error) {
	refused, err := l.attempt(ctx, b, p)
	var cause *panicError
	if !errors.As(err, &cause) {
		return refused, err
	}
	panicking, err := l.isolate(ctx, p)
	if err != nil {
		return nil, err
	}
	if l.sink.panics.Due(l.topic.name) {
		l.sink.deps.Log.Error("decoding panicked", "topic", l.topic.name, "panic", cause.value,
			"records", len(panicking), "stack", string(cause.stack))
	}
	if len(panicking) == 0 {
		return nil, fmt.Errorf("no record alone is the cause: %w", cause)
	}
	refused, err = l.attempt(ctx, b, p.where(func(place int) bool { return !panicking.has(place) }))
	if err != nil {
		return nil, err
	}
	maps.Copy(refused, panicking)
	return refused, nil
}

// isolate returns the records of a portion, at which Fill has panicked, at which
// it does so alone, by halving.
func (l *load) isolate(ctx context.Context, p portion) (refusals, error) {
	if len(p.records) == 1 {
		return l.panicsAgain(ctx, p)
	}
	found := refusals{}
	for _, half := range p.halves() {
		var scratch Batch
		_, err := l.attempt(ctx, &scratch, half)
		l.topic.give(scratch)
		var cause *panicError
		switch {
		case err == nil:
		case errors.As(err, &cause):
			more, err := l.isolate(ctx, half)
			if err != nil {
				return nil, err
			}
			maps.Copy(found, more)
		default:
			return nil, err
		}
	}
	return found, nil
}

// panicsAgain tries a single record twice more.
func (l *load) panicsAgain(ctx context.Context, p portion) (refusals, error) {
	var cause *panicError
	for range tries - 1 {
		var scratch Batch
		_, err := l.attempt(ctx, &scratch, p)
		l.topic.give(scratch)
		if !errors.As(err, &cause) {
			return nil, err
		}
	}
	return refusals{p.place(0): {Class: ClassPanic, Err: cause}}, nil
}

// attempt is one call of Fill on *b, which it makes if it is nil. It drops a batch
// in which Fill panicked: nobody knows its state.
func (l *load) attempt(ctx context.Context, b *Batch, p portion) (refusals, error) {
	if *b == nil {
		taken, err := l.topic.take()
		if err != nil {
			return nil, err
		}
		*b = taken
	}
	if b == &l.batch {
		l.filled = p
	}
	refused, err := attempt(ctx, *b, l.filling(*b), p)
	var cause *panicError
	if errors.As(err, &cause) {
		*b = nil
	}
	return refused, err
}
