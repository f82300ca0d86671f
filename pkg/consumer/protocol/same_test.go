//go:build !race

package protocol

// simplify makes states equal that only differ in what makes no difference: what
// can have no effect any more, the order of what is on its way, and, if names
// do not matter, which member is which: in a trace they do.
func (s *state) simplify(isNameless bool) {
	for i := range s.requests {
		if r := &s.requests[i]; r.exists && r.waiter < 0 && !r.valid {
			*r = request{}
		}
	}
	for i := range s.flights {
		token := uint64(1) << s.flights[i].text
		if f := &s.flights[i]; f.exists && f.waiter < 0 && s.tableKnows&s.viewKnows&token != 0 {
			*f = flight{}
		}
	}
	for who := range s.members {
		if me := &s.members[who]; me.status != running && !me.inGroup {
			me.own = [partitions]bool{}
		}
	}
	if isNameless && s.members[1].rank() < s.members[0].rank() {
		s.members[0], s.members[1] = s.members[1], s.members[0]
		for i := range mostFlights {
			s.requests[i].waiter = other(s.requests[i].exists, s.requests[i].waiter)
			s.flights[i].waiter = other(s.flights[i].exists, s.flights[i].waiter)
		}
	}
	s.order()
}

func other(exists bool, who int8) int8 {
	if !exists || who < 0 {
		return who
	}
	return 1 - who
}

// order sorts what is on its way.
func (s *state) order() {
	for i := 1; i < mostFlights; i++ {
		for j := i; j > 0 && s.requests[j-1].rank() < s.requests[j].rank(); j-- {
			s.requests[j-1], s.requests[j] = s.requests[j], s.requests[j-1]
		}
		for j := i; j > 0 && s.flights[j-1].rank() < s.flights[j].rank(); j-- {
			s.flights[j-1], s.flights[j] = s.flights[j], s.flights[j-1]
		}
	}
}

// rank is the same for equal members and mostly differs for others.
func (m *member) rank() uint64 {
	rank := uint64(m.lane)<<16 | uint64(m.rows)<<8 | uint64(m.status)<<4 | uint64(m.op)<<2
	if m.inGroup {
		rank |= 1
	}
	for p := range partitions {
		rank = rank<<4 | uint64(m.next[p])<<1
		if m.own[p] {
			rank |= 1
		}
	}
	return rank<<8 | uint64(m.kept)
}

func (r *request) rank() int {
	if !r.exists {
		return -1
	}
	rank := int(r.waiter) + 1
	for _, e := range r.entries {
		rank *= 1024
		if e.exists {
			rank += 1 + int(e.offset)<<1 + int(e.text)<<4
		}
	}
	if r.valid {
		rank += 1 << 40
	}
	return rank
}

func (f *flight) rank() int {
	if !f.exists {
		return -1
	}
	return (int(f.waiter)+1)<<16 | int(f.text)<<8 | int(f.rows)
}
