package redrive

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// passedInterval is how soon the group's offsets are asked for again.
const passedInterval = 500 * time.Millisecond

func (s Service) reads(topic string) bool { return slices.Contains(s.Topics, topic) }

// awaitPassed waits until the group has committed the offsets of all dead records.
// A letter is written before that, and a crash in between makes the service decide
// about the record once more: a better decoder may store it then, so that the
// redriven copy would be a second.
func (r *run) awaitPassed(ctx context.Context, chunk []entry) error {
	last := map[place]int64{} // by topic and partition
	for i := range chunk {
		l := &chunk[i].letter
		p := place{topic: l.Topic, partition: l.Partition}
		last[p] = max(last[p], l.Offset)
	}
	deadline := time.Now().Add(r.wait)
	for {
		ahead, err := r.notPassed(ctx, last)
		if err != nil || ahead == nil {
			return err
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("group %s has not passed the dead record %s/%d/%d: is the service running? (--wait gives it time)",
				r.service.Group, ahead.topic, ahead.partition, ahead.offset)
		}
		select {
		case <-time.After(passedInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notPassed returns one dead record that the group has not passed, nil if there is
// none. A record beyond the end of its log is of a topic that was made anew: nobody
// is going to read it.
func (r *run) notPassed(ctx context.Context, last map[place]int64) (*place, error) {
	asked := map[string]bool{}
	for p := range last {
		if asked[p.topic] {
			continue
		}
		asked[p.topic] = true
		positions, err := r.archive.group.Positions(ctx, p.topic)
		if err != nil {
			return nil, err
		}
		for _, at := range positions {
			dead, isAsked := last[place{topic: p.topic, partition: at.Partition}]
			if isAsked && dead < at.End && dead >= at.Committed {
				return &place{p.topic, at.Partition, dead}, nil
			}
		}
	}
	return nil, nil
}
