//go:build !race

package protocol

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mostStates is more than any of the searches has.
const mostStates = 4_000_000

// The ways to fail.
const (
	twice      = "a record is stored twice"
	lost       = "which is not stored"
	unfinished = "is not finished"
	gone       = "all is quiet and the event is not stored"
)

// violation says what is wrong with a state, or nothing.
func (m *model) violation(s *state, isQuiet bool) string {
	if s.doubled != 0 || m.twinsStored(s) > 1 {
		return twice
	}
	for who := range s.members {
		if me := &s.members[who]; me.status == running {
			if l := &m.lanes[me.lane]; l.phase == over && l.last.Action == Halt {
				return "a lane halts: " + l.last.Err.Error()
			}
		}
	}
	for p := range partitions {
		for offset := range int64(max(0, s.offsets[p])) {
			record := bit(p, offset)
			if record&m.work.twins == 0 && s.table&s.view&record == 0 && s.letters&record == 0 {
				return fmt.Sprintf("the committed offset has passed record %d of partition %d, %s", offset, p, lost)
			}
		}
	}
	if !isQuiet {
		return ""
	}
	for p := range partitions {
		if int64(s.offsets[p]) != m.end(s, p) {
			return fmt.Sprintf("all is quiet and partition %d %s", p, unfinished)
		}
	}
	if m.work.twins != 0 && (m.twinsStored(s) == 0 || s.view&m.work.twins == 0) {
		return gone
	}
	return ""
}

// twinsStored is how many copies of the one event are stored.
func (m *model) twinsStored(s *state) int {
	copies := 0
	for set := s.table & m.work.twins; set != 0; set &= set - 1 {
		copies++
	}
	return copies
}

// found is a state and how it came about.
type found struct {
	state  state
	before int32
	by     event
}

// search visits the states within the bounds, those that need the fewest steps
// first, all of them or most. It returns their number and the trace of a
// violation, if there is one.
func (m *model) search(from bounds, most int) (visited int, trace string) {
	first := m.start(from)
	seen := map[state]bool{first: true}
	queue := []found{{state: first, before: -1}}
	for at := 0; at < len(queue); at++ {
		now := queue[at].state
		moves, isQuiet := m.moves(&now)
		if what := m.violation(&now, isQuiet); what != "" {
			return at + 1, m.trace(queue, at) + "=> " + what + "\n"
		}
		for _, move := range moves {
			if !seen[move.after] {
				seen[move.after] = true
				queue = append(queue, found{move.after, int32(at), move.what})
			}
		}
		if at == most {
			return at, ""
		}
	}
	return len(queue), ""
}

func (m *model) trace(queue []found, at int) string {
	var lines []string
	for ; queue[at].before >= 0; at = int(queue[at].before) {
		lines = append(lines, m.describe(queue[at]))
	}
	var text strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		fmt.Fprintf(&text, "%2d. %s\n", len(lines)-i, lines[i])
	}
	return text.String()
}

func (m *model) describe(f found) string {
	var b strings.Builder
	if f.by.member >= 0 {
		fmt.Fprintf(&b, "member %d: ", f.by.member)
	}
	b.WriteString(f.by.kind)
	if f.by.kind == "inserts" || strings.HasPrefix(f.by.kind, "an insert") || strings.HasPrefix(f.by.kind, "reads") {
		fmt.Fprintf(&b, " %s", m.texts[f.by.detail].Text())
	}
	s := &f.state
	fmt.Fprintf(&b, "  [")
	for p := range partitions {
		fmt.Fprintf(&b, " %d@%d", p, s.offsets[p])
		if s.texts[p] != 0 {
			fmt.Fprintf(&b, "(%s)", m.texts[s.texts[p]].Text())
		}
	}
	for who := range s.members {
		fmt.Fprintf(&b, "; member %d owns %v", who, s.members[who].own)
	}
	fmt.Fprintf(&b, "; table %06b, view %06b ]", s.table, s.view)
	return b.String()
}

// workloads are what the topic may hold: each shows another part of the rules.
var (
	fresh  = workload{records: [partitions]int64{2, 2}}
	begun  = workload{records: [partitions]int64{1, 3}, isCommitted: true}
	poison = workload{records: [partitions]int64{2, 1}, isCommitted: true, poison: bit(0, 1)}
	twins  = workload{records: [partitions]int64{1, 2}, isCommitted: true, twins: bit(0, 0) | bit(1, 0)}
	// redriven: the first copy of an event is refused for good, comes again as
	// another record that is fine, and has a twin.
	redriven = workload{
		records: [partitions]int64{2, 2}, isCommitted: true, poison: bit(0, 0), alwaysRefused: true,
		twins: bit(0, 0) | bit(0, 1) | bit(1, 0), redriven: bit(0, 1),
	}
)

// Whatever happens within the bounds: no record is stored twice, no committed
// offset passes one that is not stored, no lane halts, and all is stored in the
// end.
//
// The search runs in one goroutine and takes ten times as long under the race
// detector, so that it is left to a run without.
func TestModelHolds(t *testing.T) {
	for name, c := range map[string]struct {
		work workload
		from bounds
	}{
		"fresh, crash and zombie": {fresh, bounds{crashes: 1, zombies: 1, inserts: 1}},
		"fresh, lost commit":      {fresh, bounds{unanswered: 1, rebalances: 1, inserts: 1}},
		"fresh, torn commit":      {fresh, bounds{torn: 1, unanswered: 1, crashes: 1}},
		"begun, two rebalances":   {begun, bounds{rebalances: 2, inserts: 1}},
		"begun, zombie":           {begun, bounds{zombies: 1, unanswered: 1}},
		"poison":                  {poison, bounds{crashes: 1, inserts: 1}},
		"poison, zombie":          {poison, bounds{zombies: 1, unanswered: 1}},
		"twins":                   {twins, bounds{crashes: 1, zombies: 1}},
		"twins, lost insert":      {twins, bounds{rebalances: 1, inserts: 1}},
		"redriven":                {redriven, bounds{crashes: 1}},
		"redriven, rebalance":     {redriven, bounds{rebalances: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			visited, trace := newModel(c.work, "").search(c.from, mostStates)
			t.Logf("%d states", visited)
			require.Empty(t, trace)
			require.Less(t, visited, mostStates, "there are more states than are searched")
		})
	}
}

// Each rule is needed: without it there is a history that loses or doubles.
func TestModelFindsWhatEachRulePrevents(t *testing.T) {
	for off, c := range map[rule]struct {
		work workload
		from bounds
		harm string
	}{
		forgetOnSync:     {fresh, bounds{unanswered: 1}, twice},
		finishBoundOnly:  {begun, bounds{rebalances: 2}, unfinished},
		finishLeftovers:  {begun, bounds{}, unfinished},
		firstAlone:       {fresh, bounds{torn: 1}, twice},
		newMember:        {fresh, bounds{unanswered: 1, crashes: 1}, twice},
		drainCommitsNone: {fresh, bounds{rebalances: 1}, twice},
		planStays:        {poison, bounds{inserts: 1}, twice},
		lettersFirst:     {poison, bounds{crashes: 1}, lost},
		holderKept:       {twins, bounds{crashes: 1}, gone},
		claimsStay:       {redriven, bounds{crashes: 1}, gone},
	} {
		t.Run(string(off), func(t *testing.T) {
			visited, trace := newModel(c.work, off).search(c.from, mostStates)
			t.Logf("%d states, then\n%s", visited, trace)
			assert.Contains(t, trace, c.harm)
		})
	}
}
