package invalidate

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/invalidator/internal/audience"
	"github.com/nova-data/nova/services/invalidator/internal/cause"
)

// Audience finds whose feeds are meant.
type Audience interface {
	// Find returns them, and how many of the posts nobody knows. It may use up the
	// sets of q.
	Find(ctx context.Context, q audience.Question) (users audience.Set, unknownPosts int, err error)
}

// Cache holds feed pages with an index.
type Cache interface {
	// Invalidate removes the pages of users that are in the index, and returns how
	// many it has removed, also beside an error.
	Invalidate(ctx context.Context, users []uuid.UUID) (pages int, err error)
}

// Sweeper removes the pages that are in no index.
type Sweeper interface {
	// Sweep returns nil when every page is gone that one of users had when it was
	// called. The set must not change from then on.
	Sweep(ctx context.Context, users map[uuid.UUID]struct{}) error
}

// Deps is what a Handler works with.
type Deps struct {
	Audience Audience
	Cache    Cache
	// Sweeper is nil where every page is in the index.
	Sweeper Sweeper
	Metrics *Metrics
	Log     *slog.Logger
}

// Handler removes the pages that records make stale.
type Handler struct {
	deps Deps
	// said keeps a topic full of nonsense out of the log.
	said    telemetry.Repeats
	unswept unswept
}

// New returns a Handler.
func New(deps Deps) *Handler {
	return &Handler{deps: deps, unswept: unswept{topics: map[string]*waiting{}}}
}

// Handle implements consumer.Handler: it removes the pages that are in the index.
func (h *Handler) Handle(ctx context.Context, records []consumer.Record) error {
	if len(records) == 0 {
		return nil
	}
	b := newBatch(records[0].Topic)
	var reader cause.Reader
	for i := range records {
		if problem := b.add(reader.Read(&records[i])); problem != nil {
			h.report(ctx, &records[i], problem)
		}
	}
	if len(b.times) > 0 {
		if err := h.remove(ctx, b); err != nil {
			return err
		}
	}
	h.deps.Metrics.handled(ctx, b)
	return nil
}

// Finish implements consumer.Finisher: it sweeps for the users whom Handle has
// found. Whoever is not swept for waits again.
func (h *Handler) Finish(ctx context.Context, topic string) error {
	w := h.unswept.take(topic)
	if w == nil {
		return nil
	}
	isSwept := false
	defer func() { // also when the sweeper panics
		if !isSwept {
			h.unswept.add(topic, *w)
		}
	}()
	// The sweeper may go on with the set after ctx has ended.
	if err := h.deps.Sweeper.Sweep(ctx, maps.Clone(w.users)); err != nil {
		return err
	}
	isSwept = true
	h.deps.Metrics.lagged(ctx, Sweep, w.times)
	return nil
}

// remove removes the pages in the index of all whom the batch is about.
func (h *Handler) remove(ctx context.Context, b *batch) error {
	users, unknownPosts, err := h.deps.Audience.Find(ctx, b.question)
	if err != nil {
		return err
	}
	b.unknownPosts = unknownPosts
	pages, err := h.deps.Cache.Invalidate(ctx, slices.Collect(maps.Keys(users)))
	h.deps.Metrics.Removed(ctx, Index, pages)
	if err != nil {
		return err
	}
	h.deps.Metrics.lagged(ctx, Index, b.times)
	if h.deps.Sweeper != nil && len(users) > 0 {
		h.unswept.add(b.topic, waiting{users: users, times: b.times})
	}
	return nil
}

func (h *Handler) report(ctx context.Context, record *consumer.Record, problem *cause.Problem) {
	if h.said.Due(record.Topic) {
		h.deps.Log.WarnContext(ctx, "record cannot be read and is passed", "topic", record.Topic, "partition", record.Partition,
			"offset", record.Offset, "reason", problem.Reason, "error", problem.Err)
	}
}
