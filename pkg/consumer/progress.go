package consumer

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// progress is how far one partition has been read and committed.
type progress struct {
	topic     string
	partition int

	mu        sync.Mutex
	committed int64
	end       int64
	// held are the chunks read and not yet committed, in order.
	held []mark
}

// mark is a chunk of which some records are not committed yet.
type mark struct {
	next  int64
	first time.Time
}

// read takes note of a fetch.
func (p *progress) read(c chunk, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = max(p.end, end)
	if len(c.records) > 0 {
		p.held = append(p.held, mark{next: c.next, first: c.records[0].Time})
	}
}

// sawEnd takes note of where the log ends.
func (p *progress) sawEnd(end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = max(p.end, end)
}

// commit takes note of a committed offset.
func (p *progress) commit(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.committed = offset
	for len(p.held) > 0 && p.held[0].next <= offset {
		p.held = p.held[1:]
	}
}

// lag returns how many offsets are not committed, and the age of the oldest
// record among those read: an upper bound, and 0 if there is none.
func (p *progress) lag(now time.Time) (offsets int64, oldest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) > 0 {
		oldest = max(0, now.Sub(p.held[0].first))
	}
	return max(0, p.end-p.committed), oldest
}

// assignment is the progress of all partitions of a generation, sorted.
type assignment []*progress

func newAssignment(positions map[string]map[int]position) assignment {
	var all assignment
	for topic, partitions := range positions {
		for partition, at := range partitions {
			all = append(all, &progress{topic: topic, partition: partition, committed: at.offset, end: at.offset})
		}
	}
	slices.SortFunc(all, func(a, b *progress) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	return all
}

// followEnds keeps looking where the logs end, which shows the lag of paused
// partitions grow. Errors are left to the fetches to report.
func (a assignment) followEnds(ctx context.Context, client *kafka.Client, every time.Duration) {
	for len(a) > 0 && sleep(ctx, every) {
		request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
		for _, p := range a {
			request.Topics[p.topic] = append(request.Topics[p.topic], kafka.LastOffsetOf(p.partition))
		}
		response, err := client.ListOffsets(ctx, request)
		if err != nil {
			continue
		}
		for _, p := range a {
			for _, answer := range response.Topics[p.topic] {
				if answer.Partition == p.partition && answer.Error == nil {
					p.sawEnd(answer.LastOffset)
				}
			}
		}
	}
}
