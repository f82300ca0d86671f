//go:build !race

package protocol

import (
	"fmt"
	"math/bits"

	"github.com/nova-data/nova/pkg/dedup"
)

// transition is what happened, and what the world is then.
type transition struct {
	what  event
	after state
}

// event names a transition: words[kind] about a member and a number.
type event struct {
	kind   string
	member int8
	detail uint8
}

// moves returns everything that can happen in a state. Those that are no fault
// are first, and isQuiet says that there is none of them.
func (m *model) moves(s *state) (all []transition, isQuiet bool) {
	add := func(kind string, who int, detail uint8, after state) {
		after.simplify(m.off == "")
		all = append(all, transition{event{kind, int8(who), detail}, after})
	}
	for who := range s.members {
		m.memberMoves(s, who, add)
	}
	m.networkMoves(s, add)
	m.groupMoves(s, add)
	m.redriveMoves(s, add)
	isQuiet = len(all) == 0
	m.faults(s, add)
	return all, isQuiet
}

type adder func(kind string, who int, detail uint8, after state)

// memberMoves is a member going on by itself.
func (m *model) memberMoves(s *state, who int, add adder) {
	me := &s.members[who]
	switch {
	case me.status == down:
		after := *s
		after.members[who] = member{status: joining}
		add("starts", who, 0, after)
	case me.status != running || me.op != nothing:
	default:
		l := m.lanes[me.lane]
		m.laneMoves(s, who, l, add)
	}
}

func (m *model) laneMoves(s *state, who int, l Lane, add adder) {
	if me := s.members[who]; l.phase == stored && me.owed != 0 {
		after := *s
		m.bury(&after, &after.members[who])
		add("writes letters late", who, 0, after)
		return
	}
	awaits := l.phase == idle && len(l.replays) == 0
	if (l.phase == stored || awaits) && !l.hasNext && !l.isDraining {
		m.closeMoves(s, who, l, add)
		if awaits {
			return
		}
	}
	after := *s
	step := l.Next()
	me := &after.members[who]
	switch step.Action {
	case Read:
		if m.off == "" { // without a rule, it would halt before the harm
			l.Verify(m.committed(s))
		}
		if l.phase == over {
			m.conclude(&after, who, l, l.Next(), add)
			return
		}
		m.prepare(&after, step.Plan.Batch, &me.rows)
		l.Read(false)
		me.lane = m.intern(l)
		add("reads the plan", who, m.text(step.Plan.Batch), after)
	case Store:
		if me.rows == 0 {
			l.Stored()
			me.lane = m.intern(l)
			add("has nothing to insert", who, 0, after)
			return
		}
		if after.insert(who, m.text(step.Plan.Batch), me.rows) {
			me.op = awaitingInsert
			me.lane = m.intern(l)
			add("inserts", who, m.text(step.Plan.Batch), after)
		}
	case Bury:
		l.Buried()
		if m.off != lettersFirst {
			m.bury(&after, me)
		}
		me.lane = m.intern(l)
		add("goes on from letters", who, 0, after)
	case Commit:
		m.send(&after, who, l, step.Offsets, add)
	case End, Rejoin, Leave, Halt:
		m.conclude(&after, who, l, step, add)
	case Await:
	}
}

// committed is what the coordinator holds.
func (m *model) committed(s *state) map[int]Committed {
	all := map[int]Committed{}
	for p := range partitions {
		all[p] = Committed{Partition: p, Offset: int64(s.offsets[p]), Metadata: m.metadata(s.texts[p])}
	}
	return all
}

// closeMoves closes every batch there may be, and sends what follows.
func (m *model) closeMoves(s *state, who int, l Lane, add adder) {
	if kept := s.members[who].kept; kept != 0 && m.owns(s, who, m.texts[kept]) {
		m.closeBatch(*s, who, l, m.texts[kept], add)
	}
	for _, b := range m.batches(s, who, &l) {
		m.closeBatch(*s, who, l, b, add)
	}
}

func (m *model) owns(s *state, who int, b Batch) bool {
	for _, r := range b.Ranges {
		if !s.members[who].own[r.Partition] {
			return false
		}
	}
	return true
}

func (m *model) closeBatch(after state, who int, l Lane, b Batch, add adder) {
	me := &after.members[who]
	me.kept = 0
	for _, r := range b.Ranges {
		me.next[r.Partition] = int8(r.Last + 1)
	}
	m.prepare(&after, b, &me.planned)
	l.Closed(b, 0)
	step := l.Next()
	m.text(b)
	m.send(&after, who, l, step.Offsets, add)
}

// send puts a commit on its way.
func (m *model) send(after *state, who int, l Lane, offsets []Offset, add adder) {
	if m.off == finishLeftovers && l.plans {
		var planned []Offset
		for _, o := range offsets {
			if o.Metadata != "" {
				planned = append(planned, o)
			}
		}
		offsets, l.request = planned, planned
	}
	me := &after.members[who]
	r := request{exists: true, valid: me.inGroup, waiter: int8(who)}
	for _, o := range offsets {
		e := entry{exists: true, offset: int8(o.Offset)}
		if o.Metadata != "" {
			plan, _ := ParseMetadata(o.Metadata)
			e.text = m.text(plan.Batch)
		}
		r.entries[o.Partition] = e
	}
	for i := range after.requests {
		if !after.requests[i].exists {
			after.requests[i] = r
			me.op = awaitingCommit
			me.lane = m.intern(l)
			add("sends a commit", who, 0, *after)
			return
		}
	}
}

// prepare decides which records of a batch are its rows, and claims for them, as
// package dedup does.
func (m *model) prepare(s *state, b Batch, rows *mask) {
	set := recordsOf(b)
	*rows = set &^ m.work.twins
	var claims []dedup.Claim
	var records []int8
	for record := range int8(partitions * mostRecords) {
		if set&m.work.twins&(1<<record) != 0 {
			claims, records = append(claims, m.claim(record)), append(records, record)
		}
	}
	if m.off == holderKept && s.holder >= 0 && len(records) > 0 {
		if s.holder == records[0] { // of the copies, the first or none
			*rows |= 1 << records[0]
		}
		return
	}
	decision := dedup.NewBatch(claims)
	for _, head := range decision.Heads() {
		if holder := s.holder; holder >= 0 && !decision.TakesOver(head, m.claimValue(holder)) {
			decision.Settle(head, m.claimValue(holder))
			continue
		}
		s.holder = records[head]
		decision.Won(head)
	}
	for i, isKept := range decision.Kept() {
		if isKept {
			*rows |= 1 << records[i]
		}
	}
}

// claim is that of a record of the twins' event.
func (m *model) claim(record int8) dedup.Claim {
	c := dedup.Claim{Topic: "t", Partition: int(record) / mostRecords, Offset: int64(record) % mostRecords}
	if m.work.redriven&(1<<record) != 0 {
		origin := bits.TrailingZeros8(uint8(m.work.poison))
		c.Origin = fmt.Sprintf("t/%d/%d", origin/mostRecords, origin%mostRecords)
	}
	return c
}

func (m *model) claimValue(record int8) string {
	c := m.claim(record)
	return c.Value()
}

// bury writes the letters that a member owes.
func (m *model) bury(s *state, me *member) {
	s.letters |= me.owed
	if m.off == claimsStay && s.holder >= 0 && me.owed&(1<<s.holder) != 0 {
		s.holder = -1
	}
	me.owed = 0
}

// conclude is the end of a lane.
func (m *model) conclude(after *state, who int, l Lane, step Step, add adder) {
	if step.Action == Halt { // the state that follows is a violation
		after.members[who].lane = m.intern(l)
		add("halts", who, 0, *after)
		return
	}
	me := &after.members[who]
	if step.Action == Leave && m.off != newMember {
		me.inGroup = false
	}
	m.stop(after, who)
	add("ends its lane: "+string(step.Action), who, 0, *after)
}

// insert puts an insert on its way, if there is room for another.
func (s *state) insert(who int, text uint8, rows mask) bool {
	for i := range s.flights {
		if !s.flights[i].exists {
			s.flights[i] = flight{exists: true, waiter: int8(who), text: text, rows: rows}
			return true
		}
	}
	return false
}
