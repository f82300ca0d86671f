package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// errAlone says that this member cannot store what others can.
var errAlone = errors.New("other members store and this one cannot")

const (
	// aloneChecks is how often a member looks whether it is alone, in LEAVE_AFTER.
	aloneChecks = 10
	// probeInterval is how often a member that has left looks whether it may come
	// back.
	probeInterval = 5 * time.Second
)

// loner finds out that a failure is this member's own: its lanes have been held
// up for long, and other members' offsets have moved meanwhile.
type loner struct {
	after time.Duration
	// heldUp returns how long a lane has failed to store.
	heldUp func() time.Duration
	// others returns the sum of the offsets that other members have committed.
	others func(ctx context.Context) (int64, error)
}

// await returns true once that is so, and false when ctx ends first.
func (l *loner) await(ctx context.Context) bool {
	var before int64
	isHeldUp := false
	for sleep(ctx, l.after/aloneChecks) {
		taken := l.heldUp()
		if taken == 0 {
			isHeldUp = false
			continue
		}
		sum, err := l.others(ctx)
		switch {
		case err != nil: // it may be Kafka, so nobody knows
		case !isHeldUp:
			before, isHeldUp = sum, true
		case taken >= l.after && sum > before:
			return true
		}
	}
	return false
}

// newLoner returns the loner of a generation with lanes.
func (g *generation) newLoner(lanes []*lane) *loner {
	return &loner{
		after: g.cfg.LeaveAfter,
		heldUp: func() (longest time.Duration) {
			for _, l := range lanes {
				if s := l.storing(); s != nil {
					longest = max(longest, s.trouble.lasting())
				}
			}
			return longest
		},
		others: func(ctx context.Context) (int64, error) { return g.lookup.others(ctx, g.partitions, g.member) },
	}
}

// storing returns the lane's worker if it is a Sink's.
func (l *lane) storing() *storing {
	switch w := l.worker.(type) {
	case *planned:
		return w.storing
	case *unplanned:
		return w.storing
	default:
		return nil
	}
}

// others returns the sum of the committed offsets of partitions that are not the
// member's.
func (l *offsetLookup) others(ctx context.Context, partitions map[string]int, member *kafka.Generation) (sum int64, err error) {
	request := map[string][]int{}
	for topic, count := range partitions {
		own := map[int]bool{}
		for _, a := range member.Assignments[topic] {
			own[a.ID] = true
		}
		for number := range count {
			if !own[number] {
				request[topic] = append(request[topic], number)
			}
		}
	}
	if len(request) == 0 {
		return 0, nil
	}
	response, err := l.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: l.group, Topics: request})
	if err != nil {
		return 0, fmt.Errorf("fetching the group's offsets: %w", err)
	}
	for _, answers := range response.Topics {
		for _, answer := range answers {
			sum += max(0, answer.CommittedOffset)
		}
	}
	return sum, nil
}

// awaitProbe waits, out of the group, until what the sink depends on works for
// this process again.
func (c *Consumer) awaitProbe(ctx context.Context) {
	prober, can := c.deps.Sink.(Prober)
	if !can {
		return
	}
	t := c.trouble("group", "")
	defer t.forget()
	for {
		err := prober.Probe(ctx)
		if err == nil {
			t.over()
			return
		}
		t.note(ctx, "alone", fmt.Errorf("%w: %w", errAlone, err))
		if !sleep(ctx, probeInterval) {
			return
		}
	}
}
