package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	joinBackoff = 500 * time.Millisecond
	// leaveTimeout is the time a member has to leave before its connections are
	// cut, which matters when it is told to stop while it joins.
	leaveTimeout = 2 * time.Second
)

// Consumer is one member of a consumer group.
type Consumer struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	metrics *metrics
	lookup  *offsetLookup
	// partitions is how many each topic had when that was last looked up, which
	// was before the generation at hand began to form.
	partitions map[string]int
	absent     *absent
	scratch    *scratch
}

// New returns a consumer that has not joined yet. Its errors are those of cfg
// and deps.
func New(cfg Config, deps Deps) (*Consumer, error) {
	if err := errors.Join(cfg.Validate(), deps.validate()); err != nil {
		return nil, fmt.Errorf("checking the consumer's configuration: %w", err)
	}
	m, err := newMetrics(deps.Meter, deps.Group)
	if err != nil {
		return nil, fmt.Errorf("creating the consumer's instruments: %w", err)
	}
	deps.Topics = slices.Clone(deps.Topics)
	holder, _ := deps.Sink.(Holder)
	return &Consumer{
		cfg:     cfg,
		deps:    deps,
		log:     deps.Log.With("group", deps.Group),
		metrics: m,
		scratch: &scratch{},
		absent:  &absent{client: deps.Broker.Client(), group: deps.Group},
		lookup:  &offsetLookup{client: deps.Broker.Client(), group: deps.Group, start: deps.Positions.StartOffsets, holder: holder},
	}, nil
}

// Run consumes until ctx ends, then finishes the batches in hand within
// Config.DrainTimeout, commits them and leaves the group. Kafka being down is no
// error: Run waits for it. It must not be called twice at a time.
func (c *Consumer) Run(ctx context.Context) error {
	for _, topic := range c.deps.Topics {
		c.metrics.begin(ctx, topic)
	}
	if !c.awaitTopics(ctx) {
		return nil
	}
	defer c.absent.stay()
	for ctx.Err() == nil {
		switch err := c.join(ctx); {
		case errors.Is(err, errAlone):
			c.awaitProbe(ctx)
		case err != nil:
			return err
		}
	}
	c.log.Info("drained")
	return nil
}

// awaitTopics waits until every topic exists: a group that is joined before has
// no partitions to share and would start over without a pause.
func (c *Consumer) awaitTopics(ctx context.Context) bool {
	t := c.trouble("topics", "")
	defer t.forget()
	for {
		counts, err := c.lookup.counts(ctx, c.deps.Topics)
		if err == nil {
			c.partitions = counts
			t.over()
			return true
		}
		c.dropDead(err)
		if ctx.Err() != nil || !t.wait(ctx, "topics", err) {
			return false
		}
	}
}

// join is one membership: it joins as a new member and works through its
// generations until it has to leave, or ctx ends.
func (c *Consumer) join(ctx context.Context) error {
	var open connections
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                c.deps.Group,
		Brokers:           c.deps.Broker.Addresses(),
		Dialer:            open.tracked(c.deps.Broker.Dialer()),
		Topics:            c.deps.Topics,
		GroupBalancers:    []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		HeartbeatInterval: c.cfg.HeartbeatInterval,
		SessionTimeout:    c.cfg.SessionTimeout,
		RebalanceTimeout:  c.cfg.RebalanceTimeout,
		JoinGroupBackoff:  joinBackoff,
	})
	if err != nil {
		return fmt.Errorf("preparing the group membership: %w", err)
	}
	var id string // of this member in the generation before
	defer func() {
		defer time.AfterFunc(leaveTimeout, open.cut).Stop()
		if id != "" && ctx.Err() != nil {
			// The group says goodbye only from within a generation: one that ends while
			// it joins again would be waited for by all the others.
			c.absent.hasLeft(context.WithoutCancel(ctx), id)
		}
		_ = group.Close()
	}()
	t := c.trouble("group", "")
	defer t.forget()
	for {
		member, err := group.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
			return nil
		}
		if err != nil {
			if id != "" && !errors.Is(err, kafka.RebalanceInProgress) { // else it is kept
				c.absent.leave(ctx, id)
				id = ""
			}
			t.note(ctx, "group", err) // the group itself pauses between attempts
			continue
		}
		t.over()
		c.absent.stay()
		id = member.MemberID
		switch err := c.generation(ctx, group, member); {
		case errors.Is(err, errUnanswered):
			c.log.Warn("leaving to join as a new member", "error", err)
			c.absent.leave(ctx, id)
			return nil
		case errors.Is(err, errAlone):
			c.log.Warn("leaving so that others take the partitions", "error", err)
			return err
		case errors.Is(err, errFenced):
			c.log.Info("rejoining", "error", err)
		case err != nil:
			return err
		}
	}
}

// generation works on one generation. Where the membership ends with it, the
// group is closed before the member's function returns: the other way round it
// would join again first.
func (c *Consumer) generation(ctx context.Context, group *kafka.ConsumerGroup, member *kafka.Generation) error {
	g := &generation{
		Consumer: c,
		member:   member,
		lookup:   c.lookup,
		log:      c.log.With("generation", member.ID, "member", member.MemberID),
	}
	result := make(chan error, 1)
	member.Start(func(revoked context.Context) {
		err := g.run(ctx, revoked)
		if ctx.Err() != nil || errors.Is(err, errUnanswered) || errors.Is(err, errAlone) {
			go func() { _ = group.Close() }()
			<-revoked.Done()
		}
		result <- err
	})
	return <-result
}

// dropDead closes idle connections after an error that is not a broker's answer.
func (c *Consumer) dropDead(err error) {
	var code kafka.Error
	if !errors.As(err, &code) {
		c.deps.Broker.Drop()
	}
}

// trouble returns a reporter for one part of the consumer; topic may be empty.
func (c *Consumer) trouble(part, topic string) *trouble {
	return &trouble{
		part:   c.deps.Group + " " + part,
		log:    c.log,
		health: c.deps.Health,
		paused: c.metrics.pausesOf(topic),
	}
}
