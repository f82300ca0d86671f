package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
	for _, l := range lanes {
		if h, isHandling := l.worker.(*handling); isHandling {
			h.catchUp = catchUp
		}
	}
	// Work that is given up at the end of a drain may still be stuck.
	defer g.startWatchdog(context.WithoutCancel(ctx))()
	return g.work(life, stop, lanes, all) //nolint:contextcheck // life holds the contexts
}

// work runs the lanes until all have ended, with what looks after them. A lane
// that ends with an error stops the others.
func (g *generation) work(life lifetime, stop context.CancelFunc, lanes []*lane, all assignment) error {
	outcomes := make([]error, len(lanes))
	var work sync.WaitGroup
	for i, l := range lanes {
		work.Go(func() {
			if outcomes[i] = l.run(life); outcomes[i] != nil {
				stop() // the other lanes commit what they have in hand, or are refused too
			}
		})
	}
	work.Go(func() { all.followEnds(life.fetching, g.deps.Broker.Client(), endsInterval) })
	var isAlone bool
	loner := g.newLoner(lanes)
	work.Go(func() { g.watchPartitions(life.fetching, stop) })
	work.Go(func() {
		if isAlone = loner.await(life.fetching); isAlone {
			stop()
		}
	})
	work.Wait()
	if isAlone {
		outcomes = append(outcomes, errAlone)
	}
	return errors.Join(outcomes...)
}

// startWatchdog watches the lanes' calls until the function it returns has ended.
func (g *generation) startWatchdog(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	dog := &watchdog{watches: g.watches, after: g.cfg.WatchdogTimeout, log: g.log, health: g.deps.Health}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		dog.run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
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
		g.dropDead(err)
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
