package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/nova-data/nova/pkg/consumer/protocol"
	"github.com/nova-data/nova/pkg/failpoint"
)

const (
	// watchInterval is how soon added partitions are noticed.
	watchInterval = 5 * time.Second
	// endsInterval is how often the lag of paused partitions is looked up.
	endsInterval = 5 * time.Second
)

// generation is the work between two rebalances. Nothing of it outlives it but
// Consumer.partitions.
type generation struct {
	*Consumer

	member *kafka.Generation
	lookup *offsetLookup
	log    *slog.Logger
	// watches are of the lanes' calls.
	watches []*watch
}

// run works on the assignment until it is revoked (revoked ends) or the service
// is told to stop (ctx ends). It returns errFenced or errUnanswered.
func (g *generation) run(ctx, revoked context.Context) error {
	fetching, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(revoked, stop)()
	working, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(fetching, func() {
		if sleep(working, g.cfg.DrainTimeout) {
			g.log.Warn("drain timed out", "deadline", g.cfg.DrainTimeout)
			abandon()
		}
	})()
	life := lifetime{fetching: fetching, revoked: revoked, working: working}

	positions, ok := g.positions(fetching)
	if !ok {
		return nil
	}
	if err := g.pin(fetching, positions); err != nil {
		return err
	}
	all := newAssignment(positions)
	g.log.Info("assigned", "partitions", len(all))
	defer g.log.Info("revoked", "partitions", len(all))
	memory := newBudget(g.cfg.MemoryBudget, len(all))
	unregister, err := g.metrics.show(all, memory)
	if err != nil {
		return fmt.Errorf("registering gauges: %w", err)
	}
	defer func() { _ = unregister() }()

	catchUp, revoke := g.announce(positions)
	defer revoke()
	lanes := g.lanes(all, positions, memory)
	outcomes := make([]error, len(lanes))
	var work sync.WaitGroup
	for i, l := range lanes {
		if h, isHandling := l.worker.(*handling); isHandling {
			h.catchUp = catchUp
		}
		work.Go(func() { //nolint:contextcheck // life holds the contexts
			if outcomes[i] = l.run(life); outcomes[i] != nil {
				stop() // the other lanes commit what they have in hand, or are refused too
			}
		})
	}
	work.Go(func() { all.followEnds(fetching, g.deps.Broker.Client(), endsInterval) })
	work.Go(func() { g.watchPartitions(fetching, stop) })
	dog := &watchdog{watches: g.watches, after: g.cfg.WatchdogTimeout, log: g.log, health: g.deps.Health}
	atWork, allDone := context.WithCancel(working)
	watched := make(chan struct{})
	go func() { defer close(watched); dog.run(atWork) }()
	defer func() { allDone(); <-watched }()
	var isAlone bool
	work.Go(func() {
		if isAlone = g.newLoner(lanes).await(fetching); isAlone {
			stop()
		}
	})
	work.Wait()
	if isAlone {
		outcomes = append(outcomes, errAlone)
	}
	return errors.Join(outcomes...)
}

// positions looks up where to begin, until it succeeds or fetching ends.
func (g *generation) positions(ctx context.Context) (map[string]map[int]position, bool) {
	t := g.trouble("assignment", "")
	defer t.forget()
	partitions := map[string][]int{}
	for topic, assigned := range g.member.Assignments {
		for _, a := range assigned {
			partitions[topic] = append(partitions[topic], a.ID)
		}
	}
	if len(partitions) == 0 {
		return nil, true
	}
	for {
		positions, err := g.lookup.positions(ctx, partitions)
		if err == nil {
			t.over()
			return positions, true
		}
		if ctx.Err() != nil || !t.wait(ctx, "offsets", err) {
			return nil, false
		}
	}
}

// pin commits the places that were chosen where none was committed: a restart
// would choose later ones, and records in between would be read by nobody.
func (g *generation) pin(ctx context.Context, positions map[string]map[int]position) error {
	for topic, partitions := range positions {
		pins := map[int]int64{}
		for number, at := range partitions {
			if at.pin {
				pins[number] = at.offset
			}
		}
		if len(pins) == 0 {
			continue
		}
		if err := g.committer(topic).commit(ctx, pins); err != nil && !errors.Is(err, errGivenUp) {
			return err
		}
	}
	return nil
}

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
		fetcher:  newKafkaFetcher(g.deps.Broker, l.fetchConfig(g.cfg), p.topic, p.partition),
		progress: p,
		budget:   l.budget,
		gate:     l.gate,
		out:      l.chunks,
		ends: func(ctx context.Context) (int64, int64, error) {
			return g.lookup.ends(ctx, p.topic, p.partition)
		},
		onLoss:  g.deps.Positions.OnDataLoss,
		log:     g.log,
		metrics: g.metrics,
		trouble: g.trouble(fmt.Sprintf("%s/%d", p.topic, p.partition), p.topic),
	}
}

func (g *generation) committer(topic string) *committer {
	return &committer{
		client:     g.deps.Broker.Client(),
		group:      g.deps.Group,
		member:     g.member.MemberID,
		generation: int(g.member.ID),
		topic:      topic,
		metrics:    g.metrics,
		trouble:    g.trouble(topic+" commit", topic),
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
	var own []protocol.Committed
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
		topic:   l.topic,
		fetcher: func(partition int) fetcher { return newKafkaFetcher(g.deps.Broker, g.cfg, l.topic, partition) },
		ends: func(ctx context.Context, partition int) (int64, int64, error) {
			return g.lookup.ends(ctx, l.topic, partition)
		},
		onLoss: g.deps.Positions.OnDataLoss, log: g.log, metrics: g.metrics,
	}
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

// watchPartitions ends the generation when a topic has got more partitions than
// before it formed, so that the group's leader assigns them. It asks a cache.
func (g *generation) watchPartitions(ctx context.Context, stop func()) {
	for {
		now, err := g.lookup.counts(ctx, g.deps.Topics)
		if err == nil && !maps.Equal(g.partitions, now) {
			g.log.Info("partitions have changed")
			g.partitions = now
			stop()
			return
		}
		if !sleep(ctx, watchInterval) {
			return
		}
	}
}
