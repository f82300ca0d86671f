package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// heldUp returns how long the lane that has failed to store for longest has, and
	// its topic: what fails for a topic fails for all members.
	heldUp func() (topic string, taken time.Duration)
	// others returns the sum of the offsets that others have committed of a topic.
	others func(ctx context.Context, topic string) (int64, error)
}

// await returns true once that is so, and false when ctx ends first.
func (l *loner) await(ctx context.Context) bool {
	var before int64
	var of string // what before is of
	for sleep(ctx, l.after/aloneChecks) {
		topic, taken := l.heldUp()
		if taken == 0 {
			of = ""
			continue
		}
		sum, err := l.others(ctx, topic)
		switch {
		case err != nil: // it may be Kafka, so nobody knows
		case of != topic:
			before, of = sum, topic
		case taken >= l.after && sum > before:
			return true
		}
	}
	return false
}

// newLoner returns the loner of a generation with lanes.
func (g *generation) newLoner(lanes []*lane) *loner {
	partitions := g.partitions // before they change
	return &loner{
		after: g.cfg.LeaveAfter,
		heldUp: func() (topic string, longest time.Duration) {
			for _, l := range lanes {
				if s := l.storing(); s != nil && s.failingFor() > longest {
					topic, longest = l.topic, s.failingFor()
				}
			}
			return topic, longest
		},
		others: func(ctx context.Context, topic string) (int64, error) {
			return g.lookup.others(ctx, topic, partitions[topic], g.member.Assignments[topic])
		},
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

// others returns the sum of the committed offsets of a topic's partitions that are
// not among own.
func (l *offsetLookup) others(ctx context.Context, topic string, partitions int, own []kafka.PartitionAssignment) (sum int64, err error) {
	var foreign []int
	for number := range partitions {
		if !slices.ContainsFunc(own, func(a kafka.PartitionAssignment) bool { return a.ID == number }) {
			foreign = append(foreign, number)
		}
	}
	if len(foreign) == 0 {
		return 0, nil
	}
	answers, err := l.fetch(ctx, map[string][]int{topic: foreign})
	if err != nil {
		return 0, err
	}
	for _, answer := range answers[topic] {
		sum += max(0, answer.CommittedOffset)
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
