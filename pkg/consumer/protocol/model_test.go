//go:build !race

package protocol

import (
	"fmt"
	"slices"
	"strings"
)

// The model is the world around two lanes: a group coordinator, a store with a
// view, two members and what is under way between them. Members run this
// package's Lane; everything else that can happen, happens in every order, within
// bounds.

const (
	members    = 2
	partitions = 2
	// mostRecords is the number of records a partition has at the most.
	mostRecords = 3
	mostFlights = 4
)

// rule is one that delivery rests on; the model can do without.
type rule string

const (
	forgetOnSync     rule = "nothing is kept over a generation"
	finishBoundOnly  rule = "a replay finishes the partitions it is bound to and no others"
	finishLeftovers  rule = "a request that plans a batch finishes all of the one before"
	firstAlone       rule = "a partition's first batch is its own"
	newMember        rule = "a commit without an answer makes a new member"
	drainCommitsNone rule = "a drain commits nothing of an unfinished batch"
	planStays        rule = "a committed plan is never replaced"
	lettersFirst     rule = "letters come before the attempt without their records"
	holderKept       rule = "the copy that the claim names is kept, in one batch too"
	claimsStay       rule = "claims are never released"
)

// mask is a set of records: bit p*mostRecords+offset.
type mask uint8

func bit(partition int, offset int64) mask { return 1 << (partition*mostRecords + int(offset)) }

// workload is what the topic holds.
type workload struct {
	records [partitions]int64
	// poison is what the store refuses from some moment on, or always.
	poison        mask
	alwaysRefused bool
	// twins are records of one event; the others have one each. Claims are made if
	// there are any.
	twins mask
	// isCommitted says that the partitions have a committed offset, at 0.
	isCommitted bool
	// redriven is the record that appears once the letter of the poison is there.
	redriven mask
}

// bounds is how often things go wrong in one history.
type bounds struct {
	crashes, zombies, rebalances, unanswered, torn, inserts int8
}

type status uint8

const (
	down status = iota
	joining
	running
)

type operation uint8

const (
	nothing operation = iota
	awaitingCommit
	awaitingInsert
)

// member is a process. Lanes and batches are numbers of the model's tables, so
// that a state can be compared.
type member struct {
	status status
	// inGroup says that the coordinator has it in the generation at hand.
	inGroup bool
	lane    uint16
	op      operation
	own     [partitions]bool
	next    [partitions]int8
	// rows is what is stored of the batch in hand, owed the letters that are due.
	rows, owed mask
	planned    mask // rows of the batch that is being planned
	kept       uint8
}

// request is a commit on its way. It takes effect while valid.
type request struct {
	exists, valid bool
	waiter        int8
	entries       [partitions]entry
}

type planting uint8

const (
	notYet planting = iota
	refusing
	noLonger
)

type entry struct {
	exists bool
	offset int8
	text   uint8
}

// flight is an insert on its way; it may land at any time.
type flight struct {
	exists bool
	waiter int8
	text   uint8
	rows   mask
}

// state is one moment of a history.
type state struct {
	offsets  [partitions]int8 // -1: none is committed
	texts    [partitions]uint8
	members  [members]member
	requests [mostFlights]request
	flights  [mostFlights]flight
	// Records that are in the table and in the view, and those there twice.
	table, view, doubled mask
	tableKnows           uint64 // texts, as tokens
	viewKnows            uint64
	letters              mask
	holder               int8 // of the twins' event: the record's bit number, or -1
	// planted says whether the store refuses the poison now; it may begin and end.
	planted    planting
	isRedriven bool
	left       bounds
}

// model holds what does not change in a history.
type model struct {
	work workload
	off  rule

	texts   []Batch
	textIDs map[string]uint8
	lanes   []Lane
	laneIDs map[string]uint16
}

func newModel(work workload, off rule) *model {
	return &model{work: work, off: off, texts: []Batch{{}}, textIDs: map[string]uint8{}, laneIDs: map[string]uint16{}}
}

func (m *model) start(b bounds) state {
	s := state{left: b, holder: -1}
	if m.work.alwaysRefused {
		s.planted = refusing
	}
	for p := range s.offsets {
		if !m.work.isCommitted {
			s.offsets[p] = -1
		}
	}
	for i := range s.members {
		s.members[i].status = joining
	}
	return s
}

// end is the end of a partition's log.
func (m *model) end(s *state, partition int) int64 {
	end := m.work.records[partition]
	if m.work.redriven&bit(partition, end-1) != 0 && !s.isRedriven {
		end--
	}
	return end
}

func (m *model) text(b Batch) uint8 {
	text := b.Text()
	id, isKnown := m.textIDs[text]
	if !isKnown {
		id = uint8(len(m.texts))
		m.texts = append(m.texts, b)
		m.textIDs[text] = id
	}
	return id
}

func (m *model) intern(l Lane) uint16 {
	key := laneKey(&l)
	id, isKnown := m.laneIDs[key]
	if !isKnown {
		id = uint16(len(m.lanes))
		m.lanes = append(m.lanes, l)
		m.laneIDs[key] = id
	}
	return id
}

// laneKey tells lanes apart that behave differently.
func laneKey(l *Lane) string {
	var b strings.Builder
	work := func(w work) {
		fmt.Fprint(&b, "|", w.plan.Batch.Text(), w.isReplay, w.finish)
	}
	fmt.Fprint(&b, l.phase, l.hasNext, l.plans, l.isDraining, l.committed, l.request, l.last.Action)
	if l.last.Err != nil {
		fmt.Fprint(&b, l.last.Err.Reason)
	}
	work(l.now)
	work(l.next)
	for _, r := range l.replays {
		work(r)
	}
	return b.String()
}

// records is the set of records of a batch.
func recordsOf(b Batch) (set mask) {
	for _, r := range b.Ranges {
		for offset := r.First; offset <= r.Last; offset++ {
			set |= bit(r.Partition, offset)
		}
	}
	return set
}

// metadata is what a committed text looks like.
func (m *model) metadata(text uint8) string {
	if text == 0 {
		return ""
	}
	return Plan{Batch: m.texts[text]}.Metadata()
}

// sync lets a member begin on its partitions in the generation at hand.
func (m *model) sync(s *state, who int) {
	me := &s.members[who]
	var own []Committed
	for p := range partitions {
		if me.own[p] {
			own = append(own, Committed{Partition: p, Offset: int64(s.offsets[p]), Metadata: m.metadata(s.texts[p])})
		}
	}
	l := NewLane("t", own)
	for p := range partitions {
		me.next[p] = max(0, s.offsets[p])
	}
	for i, r := range l.replays {
		for _, p := range r.finish {
			run, _ := r.plan.Batch.Of(p)
			me.next[p] = int8(run.Last + 1)
		}
		if m.off == finishBoundOnly {
			l.replays[i].finish = nil
			for _, run := range r.plan.Batch.Ranges {
				if me.own[run.Partition] {
					l.replays[i].finish = append(l.replays[i].finish, run.Partition)
				}
			}
		}
	}
	if m.off != forgetOnSync {
		me.kept = 0
	}
	me.status, me.inGroup, me.op, me.rows, me.owed, me.planned = running, true, nothing, 0, 0, 0
	me.lane = m.intern(l)
}

// stop ends a member's generation for it.
func (m *model) stop(s *state, who int) {
	me := &s.members[who]
	me.status, me.op, me.rows, me.owed, me.planned, me.lane = joining, nothing, 0, 0, 0, 0
	me.next = [partitions]int8{}
	for i := range s.requests {
		if s.requests[i].waiter == int8(who) {
			s.requests[i].waiter = -1
		}
	}
	for i := range s.flights {
		if s.flights[i].waiter == int8(who) {
			s.flights[i].waiter = -1
		}
	}
}

// batches returns every batch that the member may close now.
func (m *model) batches(s *state, who int, l *Lane) []Batch {
	me := &s.members[who]
	var uncommitted []int
	for p := range partitions {
		if me.own[p] && !slices.Contains(l.committed, p) {
			uncommitted = append(uncommitted, p)
		}
	}
	grouping := NewGrouping(uncommitted)
	choices := []Batch{{Topic: "t"}}
	for p := range partitions {
		if !me.own[p] {
			continue
		}
		first := int64(me.next[p])
		for _, b := range slices.Clone(choices) {
			for last := first; last < m.end(s, p); last++ {
				b := b
				b.Ranges = append(slices.Clone(b.Ranges), Range{Partition: p, First: first, Last: last})
				choices = append(choices, b)
			}
		}
	}
	choices = choices[1:]
	if m.off == firstAlone {
		return choices
	}
	return slices.DeleteFunc(choices, func(b Batch) bool {
		return len(b.Ranges) > 1 && slices.ContainsFunc(b.Ranges, func(r Range) bool { return grouping.IsAlone(r.Partition) })
	})
}
