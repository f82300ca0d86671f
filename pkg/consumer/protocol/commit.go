package protocol

import "slices"

// finish makes the request that finishes what is stored and plans what is closed,
// unless the lane is draining, or has a plan to replay: the partitions of that one
// are still to be finished.
func (l *Lane) finish() {
	var offsets []Offset
	plans := l.hasNext && !l.isDraining && len(l.replays) == 0
	if plans {
		offsets = l.planEntries()
	}
	for _, partition := range l.now.finish {
		if _, isPlanned := l.next.plan.Batch.Of(partition); plans && isPlanned {
			continue // its entry moves the offset to the same place
		}
		r, _ := l.now.plan.Batch.Of(partition)
		offsets = append(offsets, Offset{Partition: partition, Offset: r.Last + 1})
	}
	l.commit(offsets, plans)
}

// planEntries is the part of a request that plans the next batch.
func (l *Lane) planEntries() []Offset {
	metadata := l.next.plan.Metadata()
	offsets := make([]Offset, 0, len(l.next.plan.Batch.Ranges))
	for _, r := range l.next.plan.Batch.Ranges {
		offsets = append(offsets, Offset{Partition: r.Partition, Offset: r.First, Metadata: metadata})
	}
	return offsets
}

func (l *Lane) commit(offsets []Offset, plans bool) {
	l.request, l.plans = offsets, plans
	l.phase = committing
}

// Code is a broker's error code for a partition of a commit request; 0 is none.
type Code int16

// fences says whether the code means that the generation is over for the member:
// ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID.
func (c Code) fences() bool { return c == 22 || c == 25 || c == 27 || c == 82 }

// Answered reports what the broker answered to the request, by partition, and
// whether the next batch has records to bury before it is stored. A partition
// without an answer makes the request Unanswered.
func (l *Lane) Answered(answers map[int]Code, isRejecting bool) {
	var taken []int
	isFenced, torn := false, -1
	for _, o := range l.request {
		code, isAnswered := answers[o.Partition]
		switch {
		case !isAnswered:
			l.Unanswered()
			return
		case code == 0:
			taken = append(taken, o.Partition)
		case slices.Contains(l.committed, o.Partition):
			torn = o.Partition
		}
		isFenced = isFenced || code.fences()
	}
	switch {
	case len(taken) == len(l.request):
		l.accepted(isRejecting)
	case len(taken) == 0 && isFenced:
		l.end(Step{Action: Rejoin})
	case len(taken) == 0: // refused as a whole, so the same again
	case torn >= 0:
		l.end(Step{Action: Halt, Err: halt(CommitTorn, taken, "the broker took a part of a request, and answered %d for partition %d", answers[torn], torn)})
	default:
		l.end(Step{Action: Leave})
	}
}

// accepted goes on after a request that was taken whole.
func (l *Lane) accepted(isRejecting bool) {
	for _, o := range l.request {
		if at, isKnown := slices.BinarySearch(l.committed, o.Partition); !isKnown {
			l.committed = slices.Insert(slices.Clone(l.committed), at, o.Partition)
		}
	}
	isPlanned := l.plans
	l.request, l.plans, l.now = nil, false, work{}
	switch {
	case isPlanned && l.isDraining:
		l.end(Step{Action: End}) // the plan is for its next owner
	case isPlanned:
		l.now, l.next, l.hasNext = l.next, work{}, false
		l.prepared(isRejecting)
	default:
		l.phase = idle
	}
}

// Unanswered reports that nobody knows whether the request was taken, nor whether
// it will be.
func (l *Lane) Unanswered() { l.end(Step{Action: Leave}) }
