package protocol

import (
	"cmp"
	"slices"
)

// Committed is what the group's coordinator holds for a partition of the lane.
type Committed struct {
	Partition int
	// Offset is negative if there is none.
	Offset   int64
	Metadata string
}

// Action is what a Step asks for.
type Action string

// The actions, and how their end is reported.
const (
	// Read the ranges of Step.Plan whole, after Verify: then Read, Unreadable or Anew.
	Read Action = "read"
	// Await a batch: then Closed, or Drain.
	Await Action = "await"
	// Bury the rejected records, in dead letters: then Buried.
	Bury Action = "bury"
	// Store the rows of Step.Plan under its text: then Stored or Rejected.
	Store Action = "store"
	// Commit Step.Offsets in one request: then Answered or Unanswered.
	Commit Action = "commit"

	// End: nothing is left to do in this generation.
	End Action = "end"
	// Rejoin: forget everything and join the group again.
	Rejoin Action = "rejoin"
	// Leave: forget everything, leave the group and join as a new member. A
	// follower that rejoins as itself stays in its generation, where a lost request
	// may still arrive.
	Leave Action = "leave"
	// Halt for Step.Err.
	Halt Action = "halt"
)

// Step is the next thing to do.
type Step struct {
	Action Action
	// Plan is what is read, buried or stored, and IsReplay that it was found.
	Plan     Plan
	IsReplay bool
	// Offsets is what is committed.
	Offsets []Offset
	Err     *HaltError
}

// Offset is one partition's part of a commit request.
type Offset struct {
	Partition int
	Offset    int64
	Metadata  string
}

// work is a plan in hand.
type work struct {
	plan     Plan
	isReplay bool
	// finish is the partitions whose offsets move when it is stored, by number.
	finish []int
}

type phase uint8

const (
	idle phase = iota
	reading
	burying
	storing
	stored
	committing
	over
)

// Lane is the state of one lane in one generation.
//
// Its slices are replaced and never written to, so that a copy is independent.
type Lane struct {
	phase   phase
	replays []work
	// now is in hand from reading to stored; next is closed and not planned.
	now, next work
	hasNext   bool
	// request is under way, or to be sent again; plans says that it has a plan.
	request    []Offset
	plans      bool
	isDraining bool
	last       Step
	// committed holds the partitions that have an offset, by number.
	committed []int
}

// NewLane returns the lane for what is committed of its partitions. Plans that
// are found are replayed before anything else.
func NewLane(topic string, own []Committed) Lane {
	l := Lane{}
	own = slices.SortedFunc(slices.Values(own), func(a, b Committed) int { return cmp.Compare(a.Partition, b.Partition) })
	for _, c := range own {
		if c.Offset >= 0 {
			l.committed = append(l.committed, c.Partition)
		}
		if c.Offset < 0 || c.Metadata == "" {
			continue
		}
		plan, isBound, err := bound(topic, c)
		if err != nil {
			l.end(Step{Action: Halt, Err: err})
			return l
		}
		if isBound {
			l.addReplay(plan, c.Partition)
		}
	}
	return l
}

// bound returns the plan beside a committed offset, and whether it is still to
// be finished for that partition.
func bound(topic string, c Committed) (Plan, bool, *HaltError) {
	plan, err := ParseMetadata(c.Metadata)
	if err != nil {
		return Plan{}, false, halt(PlanMismatch, []int{c.Partition}, "%v", err)
	}
	if plan.Batch.Topic != topic {
		return Plan{}, false, halt(PlanMismatch, []int{c.Partition}, "the plan %s is for another topic than %s", plan.Batch.Text(), topic)
	}
	r, isIn := plan.Batch.Of(c.Partition)
	switch {
	case !isIn:
		return Plan{}, false, halt(PlanMismatch, []int{c.Partition}, "the plan %s does not have the partition", plan.Batch.Text())
	case c.Offset == r.First:
		return plan, true, nil
	case c.Offset > r.Last:
		return Plan{}, false, nil
	default:
		return Plan{}, false, halt(PlanMismatch, []int{c.Partition}, "offset %d is committed beside the plan %s", c.Offset, plan.Batch.Text())
	}
}

// addReplay notes that the own partition is bound to the plan.
func (l *Lane) addReplay(plan Plan, partition int) {
	text := plan.Batch.Text()
	for i := range l.replays {
		if l.replays[i].plan.Batch.Text() == text {
			l.replays[i].finish = append(l.replays[i].finish, partition)
			return
		}
	}
	l.replays = append(l.replays, work{plan: plan, isReplay: true, finish: []int{partition}})
}

// Behind returns where the partitions that a plan is to be replayed for go on.
func (l *Lane) Behind() map[int]int64 {
	behind := map[int]int64{}
	for _, r := range l.replays {
		for _, partition := range r.finish {
			run, _ := r.plan.Batch.Of(partition)
			behind[partition] = run.Last + 1
		}
	}
	return behind
}

// Next returns what to do now. Asked again before that is reported, it is the
// same.
func (l *Lane) Next() Step {
	switch l.phase {
	case idle:
		return l.begin()
	case reading:
		return l.step(Read)
	case burying:
		return l.step(Bury)
	case storing:
		return l.step(Store)
	case stored:
		l.finish()
	case committing:
	case over:
		return l.last
	}
	return Step{Action: Commit, Offsets: l.request}
}

func (l *Lane) step(action Action) Step {
	return Step{Action: action, Plan: l.now.plan, IsReplay: l.now.isReplay}
}

func (l *Lane) begin() Step {
	switch {
	case l.isDraining:
		l.end(Step{Action: End})
	case len(l.replays) > 0:
		l.now, l.replays = l.replays[0], l.replays[1:]
		l.phase = reading
	case l.hasNext:
		l.commit(l.planEntries(), true)
	default:
		return Step{Action: Await}
	}
	return l.Next()
}

func (l *Lane) end(step Step) {
	*l = Lane{phase: over, last: step}
}

// Closed gives the lane a batch to plan at that time. It may be called from Await
// on, and after Stored, so that one request finishes a batch and plans the next;
// the batch given before must have been planned.
func (l *Lane) Closed(b Batch, atMS int64) {
	if l.phase == over {
		return
	}
	finish := make([]int, 0, len(b.Ranges))
	for _, r := range b.Ranges {
		finish = append(finish, r.Partition)
	}
	l.next, l.hasNext = work{plan: Plan{Batch: b, AtMS: atMS}, finish: finish}, true
}

// Read says that the ranges are read, and whether records of them are rejected.
func (l *Lane) Read(isRejecting bool) { l.prepared(isRejecting) }

// Verify compares the plan in hand with what is committed of all its partitions,
// other owners' too, before it is read. One that neither has the plan nor is past
// its range shows that a broker took the plan in part: its records may be planned
// otherwise, and the plan must not be carried out.
func (l *Lane) Verify(committed map[int]Committed) {
	text := l.now.plan.Batch.Text()
	for _, r := range l.now.plan.Batch.Ranges {
		c := committed[r.Partition]
		if c.Offset > r.Last {
			continue
		}
		if plan, err := ParseMetadata(c.Metadata); c.Offset != r.First || err != nil || plan.Batch.Text() != text {
			l.end(Step{Action: Halt, Err: halt(CommitTorn, l.now.finish,
				"partition %d has offset %d and not the plan %s", r.Partition, c.Offset, text)})
			return
		}
	}
}

// Unreadable says that the log does not hold what was planned.
func (l *Lane) Unreadable(detail string) {
	l.end(Step{Action: Halt, Err: halt(PlanUnreadable, l.now.finish, "%s: %s", detail, l.now.plan.Batch.Text())})
}

// Anew says that the log holds other records than were planned, as those of a
// topic that was made anew.
func (l *Lane) Anew(detail string) {
	err := halt(PlanMismatch, l.now.finish, "%s: %s", detail, l.now.plan.Batch.Text())
	err.IsAnew = true
	l.end(Step{Action: Halt, Err: err})
}

func (l *Lane) prepared(isRejecting bool) {
	l.phase = storing
	if isRejecting {
		l.phase = burying
	}
}

// Buried says that the letters of all rejected records are acknowledged.
func (l *Lane) Buried() { l.phase = storing }

// Rejected says that the store refuses records: their letters come before it is
// asked to store the others. The plan stays: what was tried under it may be
// stored in part.
func (l *Lane) Rejected() { l.phase = burying }

// Stored says that the rows are stored.
func (l *Lane) Stored() { l.phase = stored }

// Drain says that nothing new is to be begun. What is stored is finished, what is
// not stays planned, for its next owner.
func (l *Lane) Drain() {
	l.isDraining = true
	switch l.phase {
	case reading, burying, storing:
		l.end(Step{Action: End})
	case idle, stored, committing, over:
	}
}
