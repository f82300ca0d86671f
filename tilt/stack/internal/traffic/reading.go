package traffic

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/sync/errgroup"

	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/redis"
	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

const (
	// feedReaders bounds the pages that are read, or computed, at a time.
	feedReaders = 4
	// feedTimeout bounds each step of a read.
	feedTimeout = 2 * time.Second

	pageSize = 20
	// furtherPages is how many reads of a hundred are of the second page.
	furtherPages = 15
	// attachment is the Zipf exponent by which some open the app again and again.
	// Without it a page would rarely be read twice in its life.
	attachment     = 1.5
	attachmentHead = 3
)

// feeds is the app's users looking at their feeds.
type feeds struct {
	rate   float64
	random *rand.Rand
	world  *world
	pages  computer
	cache  *feedcache.Cache
	older  *olderService
	ledger *Ledger

	redis, clickHouse *reachable
}

func openFeeds(cfg Config, deps Deps, shared *world) (*feeds, error) {
	server := redis.Config{Addr: []string{deps.RedisAddr}}
	cache, err := feedcache.Open(server, feedcache.Config{Timeout: feedTimeout}, feedcache.Deps{Meter: noop.Meter{}})
	if err != nil {
		return nil, fmt.Errorf("opening the cache of feeds: %w", err)
	}
	older, err := openOlderService(server)
	if err != nil {
		return nil, err
	}
	return &feeds{
		rate: cfg.FeedReadsPerSecond, random: stream(cfg.Seed, streamFeeds), world: shared,
		pages: computer{from: deps.ClickHouse}, cache: cache, older: older,
		ledger: deps.Ledger,
		redis:  &reachable{server: "Redis", log: deps.Log}, clickHouse: &reachable{server: "ClickHouse", log: deps.Log},
	}, nil
}

func (f *feeds) close() {
	f.cache.Close()
	f.older.close()
}

// look is one user looking at one page.
type look struct {
	user uuid.UUID
	at   feedcache.Place
}

// run has pages read at the configured rate until ctx ends. Servers that are away
// slow it down and never end it.
func (f *feeds) run(ctx context.Context) error {
	if f.rate == 0 {
		return nil
	}
	var group errgroup.Group
	looks := make(chan look)
	group.Go(func() error {
		defer close(looks)
		f.draw(ctx, looks)
		return nil
	})
	for range feedReaders {
		group.Go(func() error {
			f.readAll(ctx, looks)
			return nil
		})
	}
	return group.Wait()
}

func (f *feeds) draw(ctx context.Context, looks chan<- look) {
	spending := pacer{perSecond: f.rate}
	for ctx.Err() == nil {
		next, ok := f.next()
		if !ok {
			_ = pace.Pause(ctx, idle)
			continue
		}
		if spending.wait(ctx, 1) != nil {
			return
		}
		select {
		case looks <- next:
		case <-ctx.Done():
		}
	}
}

// next draws who looks, and at what; ok is false while there are no users.
func (f *feeds) next() (next look, ok bool) {
	next.user, ok = f.world.visitor(f.random)
	next.at = feedcache.Place{Offset: 0, Limit: pageSize}
	if f.random.IntN(100) < furtherPages {
		next.at.Offset = pageSize
	}
	return next, ok
}

func (f *feeds) readAll(ctx context.Context, looks <-chan look) {
	var wait backoff
	for next := range looks {
		err := f.read(ctx, next)
		if err == nil {
			wait.reset()
			continue
		}
		if ctx.Err() != nil {
			continue // cut off by the end
		}
		f.ledger.feed(func(c *Counters) { c.FeedFailures++ })
		_ = pace.Pause(ctx, jitter(wait.delay()))
	}
}

// read takes the page from the cache, or else computes it and puts it there.
func (f *feeds) read(ctx context.Context, l look) error {
	began := time.Now()
	_, isHit, err := f.cache.Read(ctx, l.user, l.at)
	f.redis.note(ctx, began, err)
	if err != nil {
		return err
	}
	f.ledger.feed(func(c *Counters) {
		c.FeedReads++
		if isHit {
			c.FeedHits++
		}
	})
	if isHit {
		return nil
	}
	began = time.Now()
	page, err := f.pages.compute(ctx, l)
	f.clickHouse.note(ctx, began, err)
	if err != nil {
		return err
	}
	began = time.Now()
	err = f.write(ctx, l, page)
	f.redis.note(ctx, began, err)
	return err
}

// write puts the page into the cache. Half of the users, always the same, are
// served by a service that knows no index.
func (f *feeds) write(ctx context.Context, l look, page feedcache.Page) error {
	if isOfOlderService(l.user) {
		if err := f.older.write(ctx, l, page); err != nil {
			return err
		}
		f.ledger.feed(func(c *Counters) { c.FeedPlain++ })
		return nil
	}
	if err := f.cache.Write(ctx, l.user, l.at, page); err != nil {
		return err
	}
	f.ledger.feed(func(c *Counters) { c.FeedIndexed++ })
	return nil
}

// reachable logs when a server goes away, and when it is back.
type reachable struct {
	server string
	log    *slog.Logger

	mu      sync.Mutex
	isAway  bool
	changed time.Time
}

// note takes how a call ended. A call that ctx has ended says nothing, nor does
// one that began before the last change: it was under way when that happened.
func (r *reachable) note(ctx context.Context, began time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	isAway := err != nil
	if ctx.Err() != nil || r.isAway == isAway || began.Before(r.changed) {
		return
	}
	r.isAway, r.changed = isAway, time.Now()
	if isAway {
		r.log.Warn("feeds cannot be read, trying again until they can", "server", r.server, "error", err)
		return
	}
	r.log.Info("feeds can be read again", "server", r.server)
}
