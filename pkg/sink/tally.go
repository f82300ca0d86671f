package sink

import (
	"sync"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/dlq"
)

// tally tells the guard of every record once, also when a batch is forgotten after
// its letters were written and comes again.
type tally struct {
	guard Guard

	mu sync.Mutex
	// counted is what was counted last of each partition.
	counted spans
}

func newTally(guard Guard) *tally { return &tally{guard: guard, counted: spans{}} }

// partition is one of a topic.
type partition struct {
	topic string
	id    int
}

func partitionOf(r *consumer.Record) partition { return partition{r.Topic, r.Partition} }

// span is a run of offsets, spans are those of several partitions.
type (
	span  struct{ first, last int64 }
	spans map[partition]span
)

func (s spans) hold(r *consumer.Record) bool {
	if len(s) == 0 {
		return false
	}
	known, isKnown := s[partitionOf(r)]
	return isKnown && known.first <= r.Offset && r.Offset <= known.last
}

// spansOf returns the spans of a batch.
func spansOf(records []consumer.Record) spans {
	s := spans{}
	for first := 0; first < len(records); {
		at, end := partitionOf(&records[first]), first+1
		for end < len(records) && records[end].Partition == at.id {
			end++
		}
		run, isKnown := s[at]
		if !isKnown {
			run.first = records[first].Offset
		}
		run.last = records[end-1].Offset
		s[at] = run
		first = end
	}
	return s
}

// count counts the records of a batch in their order, and returns what of them was
// counted before. A redriven record that is refused again says nothing of the
// service: letters come back in a burst, and must not pause what is live.
func (t *tally) count(records []consumer.Record, refused []refusedRecord) spans {
	classes := make(map[int]string, len(refused))
	for _, r := range refused {
		classes[r.place] = r.Class
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.add(spansOf(records))
	if len(before) == 0 && len(refused) == 0 {
		t.guard.Passed(len(records))
		return before
	}
	passed := 0
	for i := range records {
		if before.hold(&records[i]) {
			continue
		}
		class, isRefused := classes[i]
		if !isRefused {
			passed++
			continue
		}
		if isRedriven(&records[i]) {
			continue
		}
		t.guard.Passed(passed)
		t.guard.Buried(class)
		passed = 0
	}
	t.guard.Passed(passed)
	return before
}

func isRedriven(r *consumer.Record) bool { return r.Header(dlq.HeaderOrigin) != nil }

// add takes note of the spans of a batch, and returns the known ones that they
// overlap. A span that begins inside of the known one goes on with it; any other
// takes its place, so that a topic made anew is counted anew.
func (t *tally) add(batch spans) (before spans) {
	before = spans{}
	for at, run := range batch {
		known, isKnown := t.counted[at]
		if isKnown && run.first <= known.last && known.first <= run.last {
			before[at] = known
			if known.first <= run.first {
				run = span{known.first, max(known.last, run.last)}
			}
		}
		t.counted[at] = run
	}
	return before
}

// count tells the tally of what it does not know of this load: all of its records
// the first time, and after that those that became letters since.
func (l *load) count() {
	if l.before == nil {
		l.before = l.sink.tally.count(l.records, l.refused)
		l.told = len(l.refused)
		return
	}
	for ; l.told < len(l.refused); l.told++ {
		late := l.refused[l.told]
		if record := &l.records[late.place]; !l.before.hold(record) && !isRedriven(record) {
			l.sink.deps.Guard.Buried(late.Class)
		}
	}
}
