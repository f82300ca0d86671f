package protocol

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// on is a batch of the topic t.
func on(ranges ...Range) Batch { return Batch{Topic: "t", Ranges: ranges, TimeMS: 5} }

func planOf(b Batch) string { return Plan{Batch: b, AtMS: 9}.Metadata() }

// What is committed decides where a lane begins: a plan is bound if the offset is
// its first, over if the offset is past it, and else a contradiction.
func TestWhatIsCommitted(t *testing.T) {
	plan := planOf(on(Range{0, 10, 19}, Range{1, 5, 5}))
	for name, c := range map[string]struct {
		own    []Committed
		action Action
		behind map[int]int64
		detail string
	}{
		"nothing":              {own: []Committed{{Partition: 0, Offset: -1}}, action: Await},
		"no plan":              {own: []Committed{{Partition: 0, Offset: 7}}, action: Await},
		"bound":                {own: []Committed{{Partition: 0, Offset: 10, Metadata: plan}}, action: Read, behind: map[int]int64{0: 20}},
		"bound in both":        {own: []Committed{{1, 5, plan}, {0, 10, plan}}, action: Read, behind: map[int]int64{0: 20, 1: 6}},
		"two plans":            {own: []Committed{{0, 10, plan}, {2, 1, planOf(on(Range{2, 1, 1}))}}, action: Read, behind: map[int]int64{0: 20, 2: 2}},
		"past":                 {own: []Committed{{Partition: 0, Offset: 20, Metadata: plan}}, action: Await},
		"inside":               {own: []Committed{{Partition: 0, Offset: 11, Metadata: plan}}, action: Halt, detail: "offset 11 is committed beside the plan t|0:10-19,1:5-5|t=5"},
		"before":               {own: []Committed{{Partition: 0, Offset: 9, Metadata: plan}}, action: Halt, detail: "offset 9"},
		"not in the plan":      {own: []Committed{{Partition: 2, Offset: 9, Metadata: plan}}, action: Halt, detail: "does not have the partition"},
		"another topic's plan": {own: []Committed{{0, 1, Plan{Batch: Batch{Topic: "u", Ranges: []Range{{0, 1, 1}}}}.Metadata()}}, action: Halt, detail: "another topic"},
		"no plan of ours":      {own: []Committed{{Partition: 0, Offset: 9, Metadata: "v7;hello"}}, action: Halt, detail: "v7;hello"},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLane("t", c.own)
			assert.Len(t, l.Behind(), len(c.behind))
			for partition, offset := range c.behind {
				assert.Equal(t, offset, l.Behind()[partition])
			}
			step := l.Next()
			assert.Equal(t, c.action, step.Action)
			assert.Equal(t, step, l.Next(), "asked again")
			if c.action == Halt {
				require.ErrorContains(t, step.Err, c.detail)
				assert.Equal(t, PlanMismatch, step.Err.Reason)
			}
		})
	}
}

// ok answers a request as taken.
func ok(l *Lane) {
	answers := map[int]Code{}
	for _, o := range l.request {
		answers[o.Partition] = 0
	}
	l.Answered(answers, false)
}

// One request finishes a batch, all of it, and plans the next; without a next
// batch the first is finished at once.
func TestCommitRequests(t *testing.T) {
	a, b := on(Range{0, 0, 9}, Range{1, 0, 4}), on(Range{1, 5, 5}, Range{2, 3, 4})
	l := NewLane("t", []Committed{{0, 0, ""}, {1, 0, ""}, {2, 3, ""}})
	l.Closed(a, 9)
	assert.Equal(t, Step{Action: Commit, Offsets: []Offset{{0, 0, planOf(a)}, {1, 0, planOf(a)}}}, l.Next())
	ok(&l)
	assert.Equal(t, Step{Action: Store, Plan: Plan{Batch: a, AtMS: 9}}, l.Next())
	l.Stored()
	l.Closed(b, 9)
	assert.Equal(t, []Offset{{1, 5, planOf(b)}, {2, 3, planOf(b)}, {0, 10, ""}}, l.Next().Offsets)
	ok(&l)
	l.Stored()
	assert.Equal(t, []Offset{{1, 6, ""}, {2, 5, ""}}, l.Next().Offsets)
	ok(&l)
	assert.Equal(t, Await, l.Next().Action)
}

// A replay is read, stored and finished for the partitions it is bound to, each
// before anything new.
func TestReplay(t *testing.T) {
	a, b := on(Range{0, 0, 9}, Range{1, 0, 4}), on(Range{2, 0, 0})
	l := NewLane("t", []Committed{{1, 0, planOf(a)}, {2, 0, planOf(b)}, {0, 10, planOf(a)}})
	l.Closed(on(Range{1, 5, 5}), 9)
	assert.Equal(t, Step{Action: Read, Plan: Plan{Batch: a, AtMS: 9}, IsReplay: true}, l.Next())
	l.Read(true)
	assert.Equal(t, Bury, l.Next().Action)
	l.Buried()
	assert.Equal(t, Step{Action: Store, Plan: Plan{Batch: a, AtMS: 9}, IsReplay: true}, l.Next())
	l.Stored()
	assert.Equal(t, []Offset{{1, 5, ""}}, l.Next().Offsets, "and no plan: another replay is waiting")
	ok(&l)
	assert.Equal(t, b, l.Next().Plan.Batch)
	l.Unreadable("records are gone")
	step := l.Next()
	assert.Equal(t, Halt, step.Action)
	assert.EqualError(t, step.Err, "plan_unreadable: partitions [2]: records are gone: t|2:0-0|t=5")
}

// Every answer to a request has one meaning.
func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[int]Code
		action  Action
	}{
		"all taken":              {map[int]Code{0: 0, 1: 0}, Store},
		"fenced":                 {map[int]Code{0: 22, 1: 22}, Rejoin},
		"unknown member":         {map[int]Code{0: 25, 1: 25}, Rejoin},
		"rebalance":              {map[int]Code{0: 27, 1: 27}, Rejoin},
		"fenced instance":        {map[int]Code{0: 82, 1: 82}, Rejoin},
		"refused for now":        {map[int]Code{0: 14, 1: 16}, Commit},
		"one without an answer":  {map[int]Code{0: 0}, Leave},
		"torn":                   {map[int]Code{0: 28, 1: 0}, Halt},
		"new partition refused":  {map[int]Code{0: 0, 1: 3}, Leave},
		"nobody knows who reads": {nil, Leave},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLane("t", []Committed{{0, 0, ""}, {1, -1, ""}})
			l.Closed(on(Range{0, 0, 0}, Range{1, 0, 0}), 9)
			before := l.Next()
			l.Answered(c.answers, false)
			after := l.Next()
			assert.Equal(t, c.action, after.Action)
			if c.action == Commit {
				assert.Equal(t, before, after, "the same request")
			}
			if c.action == Halt {
				assert.Equal(t, CommitTorn, after.Err.Reason)
				assert.Equal(t, []int{1}, after.Err.Partitions, "where the plan is to be cleared")
			}
		})
	}
}

// A drain finishes what is stored, without a plan, and leaves the rest as it is.
func TestDrain(t *testing.T) {
	a, b := on(Range{0, 0, 0}), on(Range{0, 1, 1})
	begin := func() Lane {
		l := NewLane("t", []Committed{{0, 0, ""}})
		l.Closed(a, 9)
		l.Next()
		return l
	}
	for name, c := range map[string]struct {
		before func(l *Lane)
		after  []Offset
	}{
		"planned":          {func(l *Lane) { ok(l); l.Drain() }, nil},
		"rejected":         {func(l *Lane) { ok(l); l.Rejected(); l.Drain() }, nil},
		"stored":           {func(l *Lane) { ok(l); l.Stored(); l.Closed(b, 9); l.Drain() }, []Offset{{0, 1, ""}}},
		"plan under way":   {func(l *Lane) { l.Drain(); ok(l) }, nil},
		"finish under way": {func(l *Lane) { ok(l); l.Stored(); l.Next(); l.Drain(); ok(l) }, nil},
		"next under way": {func(l *Lane) {
			ok(l)
			l.Stored()
			l.Closed(b, 9)
			l.Next()
			l.Drain()
			ok(l)
		}, nil},
		"nothing in hand":   {func(l *Lane) { ok(l); l.Stored(); l.Next(); ok(l); l.Drain() }, nil},
		"ended, told again": {func(l *Lane) { ok(l); l.Drain(); l.Drain(); l.Closed(b, 9) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := begin()
			c.before(&l)
			step := l.Next()
			if c.after != nil {
				assert.Equal(t, Step{Action: Commit, Offsets: c.after}, step)
				ok(&l)
				step = l.Next()
			}
			assert.Equal(t, End, step.Action)
		})
	}
}

// A plan that a broker took in part is not carried out: what is committed of all
// its partitions tells.
func TestVerify(t *testing.T) {
	a := on(Range{0, 0, 9}, Range{1, 0, 4})
	for name, c := range map[string]struct {
		other  Committed
		action Action
	}{
		"planned too":          {Committed{1, 0, planOf(a)}, Read},
		"finished":             {Committed{1, 5, ""}, Read},
		"further on":           {Committed{1, 5, planOf(on(Range{1, 5, 7}))}, Read},
		"not planned":          {Committed{1, 0, ""}, Halt},
		"planned otherwise":    {Committed{1, 0, planOf(on(Range{1, 0, 2}))}, Halt},
		"still in an old plan": {Committed{1, -1, ""}, Halt},
	} {
		t.Run(name, func(t *testing.T) {
			own := Committed{0, 0, planOf(a)}
			l := NewLane("t", []Committed{own})
			assert.Equal(t, Read, l.Next().Action)
			l.Verify(map[int]Committed{0: own, 1: c.other})
			step := l.Next()
			assert.Equal(t, c.action, step.Action)
			if c.action == Halt {
				assert.Equal(t, CommitTorn, step.Err.Reason)
				assert.Equal(t, []int{0}, step.Err.Partitions)
			}
		})
	}
}

// A topic that was made anew halts the lane, for the partitions that are bound.
func TestAnew(t *testing.T) {
	a := on(Range{0, 0, 9}, Range{1, 0, 4})
	l := NewLane("t", []Committed{{1, 0, planOf(a)}})
	l.Next()
	l.Anew("the first record is of another time")
	step := l.Next()
	assert.Equal(t, PlanMismatch, step.Err.Reason)
	assert.Equal(t, []int{1}, step.Err.Partitions)
	assert.True(t, step.Err.IsAnew)
}
