package repair

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

// rewind sets the group back, so that it reads topics again.
type rewind struct {
	tables []table.Table
	// to is the time of the first record to read again, zero for the first there is.
	to time.Time
	// wait is how long the group may still have members.
	wait time.Duration
	// isDryRun says that offsets are only shown.
	isDryRun bool
}

// errAtWork is why offsets are not set.
var errAtWork = errors.New("only a group without members can be set back: stop cdc-ingest (scale it to 0) first, or give it time with --wait")

// run sets the offset of each partition back, or leaves it.
func (r rewind) run(ctx context.Context, group Group, out, say func(line string)) error {
	if !r.isDryRun {
		if err := r.awaitEmpty(ctx, group, say); err != nil {
			return err
		}
	}
	for _, t := range r.tables {
		back, err := r.plan(ctx, group, t.Topic(), out)
		if err != nil {
			return err
		}
		if len(back) == 0 || r.isDryRun {
			continue
		}
		if err := group.Set(ctx, t.Topic(), back); errors.Is(err, offsets.ErrMembers) {
			return fmt.Errorf("%s: %w", t.Topic(), errAtWork)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (r rewind) awaitEmpty(ctx context.Context, group Group, say func(line string)) error {
	deadline := time.Now().Add(r.wait)
	told := progress{say: say}
	return until(ctx, func() (bool, error) {
		members, err := group.Members(ctx)
		if err != nil || members == 0 {
			return err == nil, err
		}
		if !time.Now().Before(deadline) {
			return false, fmt.Errorf("the group has %d members: %w", members, errAtWork)
		}
		told.show("waiting: the group has %d members", members)
		return false, nil
	})
}

// plan returns the offsets of a topic that move, all of them back. A partition
// without a commit begins where the service's START_OFFSETS says, as ever.
func (r rewind) plan(ctx context.Context, group Group, topic string, out func(line string)) (map[int]int64, error) {
	positions, err := group.Positions(ctx, topic)
	if err != nil {
		return nil, err
	}
	at := map[int]int64{}
	if !r.to.IsZero() {
		if at, err = group.At(ctx, topic, r.to); err != nil {
			return nil, err
		}
	}
	back := map[int]int64{}
	for _, p := range positions {
		target := p.First
		if !r.to.IsZero() {
			var isLater bool
			if target, isLater = at[p.Partition]; !isLater {
				target = p.End
			}
		}
		if target >= p.Committed {
			out(fmt.Sprintf("%s/%d: stays at %s", topic, p.Partition, place(p.Committed)))
			continue
		}
		back[p.Partition] = target
		out(fmt.Sprintf("%s/%d: from %d back to %d", topic, p.Partition, p.Committed, target))
	}
	return back, nil
}

// place is a committed offset for people.
func place(offset int64) string {
	if offset < 0 {
		return "its start, nothing is committed"
	}
	return strconv.FormatInt(offset, 10)
}
