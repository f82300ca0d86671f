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
	unregister, err := g.metrics.show(all)
	if err != nil {
		return fmt.Errorf("registering gauges: %w", err)
	}
	defer func() { _ = unregister() }()

	catchUp, revoke := g.announce(positions)
	defer revoke()
	lanes := g.lanes(all, positions)
	outcomes := make([]error, len(lanes))
	var work sync.WaitGroup
	for i, l := range lanes {
		l.catchUp = catchUp
		work.Go(func() { //nolint:contextcheck // life holds the contexts
			if outcomes[i] = l.run(life); outcomes[i] != nil {
				stop() // the other lanes commit what they have in hand, or are refused too
			}
		})
	}
	work.Go(func() { all.followEnds(fetching, g.deps.Broker.Client(), endsInterval) })
	work.Go(func() { g.watchPartitions(fetching, stop) })
	work.Wait()
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

// lanes builds a lane for each topic that has partitions here.
func (g *generation) lanes(all assignment, positions map[string]map[int]position) []*lane {
	byTopic := map[string]*lane{}
	for _, p := range all {
		l := byTopic[p.topic]
		if l == nil {
			l = g.newLane(p.topic)
			byTopic[p.topic] = l
		}
		l.sources = append(l.sources, &source{
			fetcher:  newKafkaFetcher(g.deps.Broker, g.cfg, p.topic, p.partition),
			progress: p,
			out:      l.chunks,
			ends: func(ctx context.Context) (int64, int64, error) {
				return g.lookup.ends(ctx, p.topic, p.partition)
			},
			onLoss:  g.deps.Positions.OnDataLoss,
			log:     g.log,
			metrics: g.metrics,
			trouble: g.trouble(fmt.Sprintf("%s/%d", p.topic, p.partition), p.topic),
		})
		l.from = append(l.from, positions[p.topic][p.partition])
	}
	return slices.Collect(maps.Values(byTopic))
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

func (g *generation) newLane(topic string) *lane {
	l := &lane{
		topic:   topic,
		limits:  limits{rows: g.cfg.BatchRows, bytes: g.cfg.BatchBytes, age: g.cfg.BatchAge},
		handler: g.deps.Handler,
		commit:  g.committer(topic).commit,
		metrics: g.metrics,
		trouble: g.trouble(topic, topic),
		chunks:  make(chan chunk),
		batches: make(chan *batch),
		spare:   make(chan *batch, 2),
	}
	if finisher, wants := g.deps.Handler.(Finisher); wants {
		l.second = newSecondHalf(
			func(ctx context.Context) error { return finisher.Finish(ctx, topic) }, g.cfg.BatchRows, g.trouble(topic+" finish", topic))
		l.second.settle = l.settle
	}
	return l
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
