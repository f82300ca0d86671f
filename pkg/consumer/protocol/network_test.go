//go:build !race

package protocol

// networkMoves is what is on its way arriving where somebody waits for it.
func (m *model) networkMoves(s *state, add adder) {
	for i := range s.requests {
		if r := &s.requests[i]; r.exists && r.waiter >= 0 {
			m.deliver(*s, i, add)
		}
	}
	isFull := true // then something has to land for others to leave
	for i := range s.flights {
		isFull = isFull && s.flights[i].exists
	}
	for i := range s.flights {
		if f := &s.flights[i]; f.exists && (f.waiter >= 0 || isFull) {
			m.land(*s, i, add)
		}
	}
}

// deliver lets a commit take effect and answers it.
func (m *model) deliver(after state, at int, add adder) {
	r := after.requests[at]
	answers := m.apply(&after, at, false)
	if r.waiter < 0 {
		add("a late commit arrives", -1, 0, after)
		return
	}
	m.answer(&after, int(r.waiter), answers)
	add("a commit is answered", int(r.waiter), 0, after)
}

// apply takes a request off its way and gives it its effect; torn, the
// partitions without a commit are refused.
func (m *model) apply(s *state, at int, isTorn bool) map[int]Code {
	r := s.requests[at]
	s.requests[at] = request{}
	answers := map[int]Code{}
	for p, e := range r.entries {
		switch {
		case !e.exists:
		case !r.valid:
			answers[p] = 22
		case isTorn && s.offsets[p] < 0:
			answers[p] = 3 // UNKNOWN_TOPIC_OR_PARTITION
		default:
			s.offsets[p], s.texts[p] = e.offset, e.text
			answers[p] = 0
		}
	}
	return answers
}

// answer tells a member what became of its commit; nil is no answer.
func (m *model) answer(s *state, who int, answers map[int]Code) {
	me := &s.members[who]
	l := m.lanes[me.lane]
	plans := l.plans
	if l.hasNext && m.off == forgetOnSync {
		me.kept = m.text(l.next.plan.Batch)
	}
	if answers == nil {
		l.Unanswered()
	} else {
		l.Answered(answers, false)
	}
	me.op = nothing
	if plans && l.phase == storing {
		me.rows, me.planned, me.owed, me.kept = me.planned, 0, 0, 0
	}
	me.lane = m.intern(l)
}

// land lets an insert take effect and answers it.
func (m *model) land(after state, at int, add adder) {
	f := after.flights[at]
	after.flights[at] = flight{}
	if after.planted == refusing && f.rows&m.work.poison != 0 {
		m.reject(&after, f)
		add("an insert is refused", int(f.waiter), f.text, after)
		return
	}
	after.store(f, true)
	if f.waiter >= 0 {
		m.stored(&after, int(f.waiter))
	}
	add("an insert lands", int(f.waiter), f.text, after)
}

// store is what the table and its view do with a block: one whose token they know
// is dropped.
func (s *state) store(f flight, withView bool) {
	token := uint64(1) << f.text
	if s.tableKnows&token == 0 {
		s.tableKnows |= token
		s.doubled |= s.table & f.rows
		s.table |= f.rows
	}
	if withView && s.viewKnows&token == 0 {
		s.viewKnows |= token
		s.doubled |= s.view & f.rows
		s.view |= f.rows
	}
}

func (m *model) stored(s *state, who int) {
	me := &s.members[who]
	l := m.lanes[me.lane]
	l.Stored()
	me.op = nothing
	me.lane = m.intern(l)
}

// reject is what a member makes of a refusal: it has found the poison.
func (m *model) reject(s *state, f flight) {
	if f.waiter < 0 {
		return
	}
	me := &s.members[f.waiter]
	l := m.lanes[me.lane]
	if m.off == planStays {
		m.planSmaller(s, &l, me)
	} else {
		me.owed |= f.rows & m.work.poison
		me.rows &^= m.work.poison
		l.Rejected()
	}
	me.op = nothing
	me.lane = m.intern(l)
}

// planSmaller is what a member does that cuts a refused batch: the first record
// of each range makes a batch of its own.
func (m *model) planSmaller(_ *state, l *Lane, me *member) {
	was := l.now.plan.Batch
	cut := Batch{Topic: was.Topic}
	for _, r := range was.Ranges {
		cut.Ranges = append(cut.Ranges, Range{Partition: r.Partition, First: r.First, Last: r.First})
		me.next[r.Partition] = int8(r.First + 1)
	}
	*l = Lane{phase: idle, committed: l.committed}
	l.Closed(cut, 0)
	me.planned = recordsOf(cut) &^ m.work.poison
	me.rows, me.owed = 0, 0
	m.text(cut)
}

// groupMoves is the group changing where somebody waits for that.
func (m *model) groupMoves(s *state, add adder) {
	waits := false
	for who := range s.members {
		me := &s.members[who]
		if me.status == joining && me.inGroup {
			after := *s
			m.sync(&after, who)
			add("joins its generation again", who, 0, after)
		}
		waits = waits || me.status == joining && !me.inGroup
	}
	for who := range s.members {
		me := &s.members[who]
		if me.status == running && (waits || !me.inGroup) && me.op != awaitingCommit {
			m.drain(*s, who, add)
		}
	}
	m.rebalances(s, false, add)
}

// drain is a member being told that its generation ends.
func (m *model) drain(after state, who int, add adder) {
	me := &after.members[who]
	l := m.lanes[me.lane]
	if l.isDraining || l.phase == over {
		return
	}
	unfinished := l.phase == storing || l.phase == reading || l.phase == burying
	now := l.now
	if m.off == drainCommitsNone && unfinished && me.inGroup {
		// It gives the batch back, so that the next owner may plan it anew.
		for _, p := range now.finish {
			r, _ := now.plan.Batch.Of(p)
			after.offsets[p], after.texts[p] = int8(r.First), 0
		}
	}
	l.Drain()
	if l.phase == over {
		me.op = nothing
		for i := range after.flights {
			if after.flights[i].waiter == int8(who) {
				after.flights[i].waiter = -1
			}
		}
	}
	me.lane = m.intern(l)
	add("is told to drain", who, 0, after)
}

// rebalances are all generations that may follow, of those that wait for one. A
// member that runs on is left out, and is a zombie from then on.
func (m *model) rebalances(s *state, leavesOut bool, add adder) {
	for set := 1; set < 1<<members; set++ {
		isPossible, isLeftOut := true, false
		for who := range s.members {
			me := &s.members[who]
			isIn := set&(1<<who) != 0
			isPossible = isPossible && (!isIn || me.status == joining)
			isLeftOut = isLeftOut || !isIn && me.status == running && me.inGroup
		}
		if !isPossible || isLeftOut != leavesOut {
			continue
		}
		for assignment := range 1 << partitions {
			m.rebalance(*s, set, assignment, leavesOut, add)
		}
	}
}

func (m *model) rebalance(after state, set, assignment int, leavesOut bool, add adder) {
	var owners [partitions]int
	for p := range partitions {
		owners[p] = assignment >> p & 1
		if set&(1<<owners[p]) == 0 {
			return // nobody is there
		}
	}
	for i := range after.requests {
		after.requests[i].valid = false
		if after.requests[i].waiter < 0 {
			after.requests[i] = request{}
		}
	}
	if leavesOut {
		after.left.zombies--
	}
	for who := range after.members {
		me := &after.members[who]
		me.inGroup = false
		if set&(1<<who) == 0 {
			continue
		}
		for p := range partitions {
			me.own[p] = owners[p] == who
		}
		m.sync(&after, who)
	}
	add("a generation begins", -1, uint8(set<<4|assignment), after)
}

// redriveMoves is a buried record coming again, once the store would take it.
func (m *model) redriveMoves(s *state, add adder) {
	if m.work.redriven != 0 && !s.isRedriven && s.letters&m.work.poison != 0 && s.table&m.work.twins == 0 {
		after := *s
		after.isRedriven = true
		add("the letter is redriven", -1, 0, after)
	}
}
