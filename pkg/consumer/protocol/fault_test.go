//go:build !race

package protocol

// faults adds what may go wrong, as long as the bounds allow.
func (m *model) faults(s *state, add adder) {
	for who := range s.members {
		m.memberFaults(s, who, add)
	}
	for i := range s.requests {
		if s.requests[i].exists {
			m.requestFaults(s, i, add)
		}
	}
	for i := range s.flights {
		if s.flights[i].exists {
			m.flightFaults(s, i, add)
		}
	}
	if s.left.zombies > 0 {
		m.rebalances(s, true, add)
	}
	if m.work.poison != 0 && !m.work.alwaysRefused && s.planted != noLonger {
		after := *s
		after.planted++
		add("the store changes its mind", -1, uint8(after.planted), after)
	}
}

func (m *model) memberFaults(s *state, who int, add adder) {
	if s.members[who].status == down {
		return
	}
	if s.left.crashes > 0 {
		after := *s
		after.left.crashes--
		m.stop(&after, who)
		after.members[who] = member{}
		add("crashes", who, 0, after)
	}
	me := &s.members[who]
	if s.left.rebalances > 0 && me.status == running && me.inGroup && me.op != awaitingCommit {
		after := *s
		after.left.rebalances--
		m.drain(after, who, add)
	}
}

func (m *model) requestFaults(s *state, at int, add adder) {
	r := s.requests[at]
	if r.waiter < 0 {
		m.deliver(*s, at, add)
		return
	}
	if s.left.unanswered > 0 {
		after := *s
		after.left.unanswered--
		after.requests[at].waiter = -1
		m.answer(&after, int(r.waiter), nil)
		add("a commit gets no answer and stays on its way", int(r.waiter), 0, after)

		after = *s
		after.left.unanswered--
		m.apply(&after, at, false)
		m.answer(&after, int(r.waiter), nil)
		add("a commit takes effect and its answer is lost", int(r.waiter), 0, after)
	}
	if s.left.torn > 0 && r.valid && m.mayTear(s, r) {
		after := *s
		after.left.torn--
		m.answer(&after, int(r.waiter), m.apply(&after, at, true))
		add("a commit is torn", int(r.waiter), 0, after)
	}
}

// mayTear says whether a broker that refuses partitions without a commit would
// take another part of the request, or refuse it whole, which is no fault.
func (m *model) mayTear(s *state, r request) bool {
	isNew, isKnown := false, false
	for p, e := range r.entries {
		isNew = isNew || e.exists && s.offsets[p] < 0
		isKnown = isKnown || e.exists && s.offsets[p] >= 0
	}
	// With the rule off two new partitions share a request, and one is refused.
	return isNew && (isKnown || m.off == firstAlone)
}

func (m *model) flightFaults(s *state, at int, add adder) {
	f := s.flights[at]
	if f.waiter < 0 {
		m.land(*s, at, add)
		return
	}
	if s.left.inserts == 0 {
		return
	}
	fault := func(what string, withTable, withView, isGone bool) {
		after := *s
		after.left.inserts--
		if after.planted == refusing && f.rows&m.work.poison != 0 {
			withTable, withView = false, false
		}
		if withTable {
			after.store(f, withView)
		}
		after.flights[at].waiter = -1
		if isGone {
			after.flights[at] = flight{}
		}
		after.members[f.waiter].op = nothing
		add(what, int(f.waiter), f.text, after)
	}
	fault("an insert gets no answer and stays on its way", false, false, false)
	fault("an insert lands and its answer is lost", true, true, true)
	fault("an insert lands in the table and fails in the view", true, false, true)
}
