package consumer

import (
	"context"
	"fmt"
	"slices"

	"github.com/nova-data/nova/pkg/consumer/protocol"
	"github.com/nova-data/nova/pkg/failpoint"
)

// mostLanePartitions is how many partitions share the batches of a lane of a
// Sink: more would make plans longer than brokers take.
const mostLanePartitions = 16

// lanes builds the lanes of all partitions that are here: for a Handler one a
// topic, for a Sink as many as it takes.
func (g *generation) lanes(all assignment, positions map[string]map[int]position, memory *budget) []*lane {
	byTopic := map[string]assignment{}
	for _, p := range all {
		byTopic[p.topic] = append(byTopic[p.topic], p)
	}
	var lanes []*lane
	for topic, partitions := range byTopic {
		size := len(partitions)
		if g.deps.Sink != nil {
			size = mostLanePartitions
		}
		for part := range slices.Chunk(partitions, size) {
			lanes = append(lanes, g.newLane(part, positions[topic], memory))
		}
	}
	return lanes
}

func (g *generation) newSource(l *lane, p *progress) *source {
	return &source{
		fetcher:  newKafkaFetcher(g.deps.Broker, l.fetchConfig(g.cfg), p.topic, p.partition).with(g.scratch),
		progress: p,
		budget:   l.budget,
		gate:     l.gate,
		out:      l.chunks,
		ends: func(ctx context.Context) (int64, int64, error) {
			return g.lookup.ends(ctx, p.topic, p.partition)
		},
		dropDead:  g.dropDead,
		onLoss:    g.deps.Positions.OnDataLoss,
		isPlanned: g.deps.Plans,
		log:       g.log,
		metrics:   g.metrics,
		trouble:   g.trouble(fmt.Sprintf("%s/%d", p.topic, p.partition), p.topic),
	}
}

// newLane builds a lane of the partitions of one topic, with its worker.
func (g *generation) newLane(partitions assignment, positions map[int]position, memory *budget) *lane {
	l := &lane{
		topic:   partitions[0].topic,
		limits:  limits{rows: g.cfg.BatchRows, bytes: g.cfg.BatchBytes, age: g.cfg.BatchAge},
		metrics: g.metrics,
		log:     g.log,
		budget:  memory,
		gate:    &gate{},
		chunks:  make(chan chunk),
		batches: make(chan *batch),
		spare:   make(chan *batch, 4),
	}
	name := l.topic
	if g.deps.Sink != nil {
		name = fmt.Sprintf("%s/%d-%d", l.topic, partitions[0].partition, partitions[len(partitions)-1].partition)
	}
	l.name = name
	switch {
	case g.deps.Sink == nil:
		l.worker = g.newHandling(l)
	case g.deps.Plans && !g.deps.Failpoints.IsOff(failpoint.Plan):
		l.worker = g.newPlanned(l, partitions, positions)
	default:
		l.worker = &unplanned{storing: g.newStoring(l), hasTokens: g.deps.Plans}
	}
	for _, p := range partitions {
		l.sources = append(l.sources, g.newSource(l, p))
		l.from = append(l.from, positions[p.partition])
	}
	return l
}

func (g *generation) newHandling(l *lane) *handling {
	h := &handling{
		lane: l, handler: g.deps.Handler, commit: g.committer(l.topic).commit,
		trouble: g.laneTrouble(l, ""), watch: g.newWatch(l.name),
	}
	if finisher, wants := g.deps.Handler.(Finisher); wants {
		h.second = newSecondHalf(
			func(ctx context.Context) error { return finisher.Finish(ctx, l.topic) }, g.cfg.BatchRows, g.laneTrouble(l, " finish"))
		h.second.watch = g.newWatch(l.name + " finish")
		h.second.settle = h.settle
	}
	return h
}

func (g *generation) newStoring(l *lane) *storing {
	return &storing{
		lane: l, sink: g.deps.Sink, failpoints: g.deps.Failpoints, commits: g.committer(l.topic),
		trouble: g.laneTrouble(l, ""), watch: g.newWatch(l.name),
		preparing: g.laneTrouble(l, " prepare"), preparingWatch: g.newWatch(l.name + " prepare"),
		ready: make(chan *prepared),
	}
}

// newPlanned builds the worker that follows the protocol. A partition that is
// bound to a plan goes on behind it.
func (g *generation) newPlanned(l *lane, partitions assignment, positions map[int]position) *planned {
	own := make([]protocol.Committed, 0, len(partitions))
	var uncommitted []int
	for _, p := range partitions {
		at := positions[p.partition]
		own = append(own, protocol.Committed{Partition: p.partition, Offset: at.committed, Metadata: at.metadata})
		if at.committed < 0 {
			uncommitted = append(uncommitted, p.partition)
		}
	}
	l.grouping = protocol.NewGrouping(uncommitted)
	w := &planned{storing: g.newStoring(l), protocol: protocol.NewLane(l.topic, own)}
	for partition, offset := range w.protocol.Behind() {
		at := positions[partition]
		at.offset = offset
		positions[partition] = at
	}
	w.replayer = &replayer{
		topic: l.topic,
		fetcher: func(partition int) fetcher {
			return newKafkaFetcher(g.deps.Broker, g.cfg, l.topic, partition).with(g.scratch)
		},
		ends: func(ctx context.Context, partition int) (int64, int64, error) {
			return g.lookup.ends(ctx, l.topic, partition)
		},
		onLoss: g.deps.Positions.OnDataLoss, log: g.log, metrics: g.metrics,
	}
	w.committed = g.lookup.committed
	return w
}

// laneTrouble reports for one part of a lane, and holds its sources back.
func (g *generation) laneTrouble(l *lane, part string) *trouble {
	t := g.trouble(l.name+part, l.topic)
	t.gate = l.gate
	return t
}

func (g *generation) newWatch(part string) *watch {
	w := &watch{part: g.deps.Group + " " + part}
	g.watches = append(g.watches, w)
	return w
}
