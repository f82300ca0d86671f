package repair

import (
	"context"
	"fmt"
	"time"

	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// Group is a consumer group, seen from outside; an *offsets.Group is one.
type Group interface {
	// Members returns how many members it has.
	Members(ctx context.Context) (int, error)
	// Positions returns its place in each partition of a topic.
	Positions(ctx context.Context, topic string) ([]offsets.Position, error)
	// At returns the first offset at or after a time, where there is one.
	At(ctx context.Context, topic string, at time.Time) (map[int]int64, error)
	// Set commits offsets, or returns offsets.ErrMembers.
	Set(ctx context.Context, topic string, offsets map[int]int64) error
}

// progress tells what is waited for, when it has changed, and not too often.
type progress struct {
	say  func(line string)
	last string
	at   time.Time
}

// progressInterval is the least time between two lines.
const progressInterval = 5 * time.Second

func (p *progress) show(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if line == p.last || time.Since(p.at) < progressInterval {
		return
	}
	p.say(line)
	p.last, p.at = line, time.Now()
}

// pollInterval is the time between two looks at what is waited for.
const pollInterval = time.Second

// until calls done, again and again, until it says so, fails, or ctx ends.
func until(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		is, err := done()
		if err != nil || is {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// awaitRead waits until the group has stored what the tables' topics hold now. What
// is written meanwhile is not waited for.
func awaitRead(ctx context.Context, group Group, tables []table.Table, say func(string)) error {
	ends := map[string][]offsets.Position{}
	for _, t := range tables {
		positions, err := group.Positions(ctx, t.Topic())
		if err != nil {
			return err
		}
		ends[t.Topic()] = positions
	}
	told := progress{say: say}
	return until(ctx, func() (bool, error) {
		for _, t := range tables {
			left, err := left(ctx, group, t.Topic(), ends[t.Topic()])
			if err != nil {
				return false, err
			}
			if left > 0 {
				told.show("%s: %d records to go", t.Topic(), left)
				return false, nil
			}
		}
		return true, nil
	})
}

// left is how many offsets of a topic lie between the group and ends.
func left(ctx context.Context, group Group, topic string, ends []offsets.Position) (left int64, err error) {
	now, err := group.Positions(ctx, topic)
	if err != nil {
		return 0, err
	}
	for i, end := range ends {
		left += max(0, end.End-max(now[i].First, now[i].Committed))
	}
	return left, nil
}
