package trending

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/nova-data/nova/pkg/telemetry"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

var (
	// ErrUnknown is a window that no job here computes and no key holds.
	ErrUnknown = errors.New("no job computes this window")
	// ErrUnavailable is a list that neither Redis nor ClickHouse gives now.
	ErrUnavailable = errors.New("neither Redis nor ClickHouse answers")
)

const (
	// ownFreshness is how long a list counts that a reader computed and no job
	// here computes; then it is gone.
	ownFreshness = time.Minute
	// briefly is how long a list read before is given again while Redis is away,
	// or has what only a job elsewhere can mend, so that ClickHouse is not asked
	// for each request.
	briefly = 5 * time.Second
	// mostKept bounds the lists that are kept in the process.
	mostKept = 64
)

// Answer is a List and how it stands.
type Answer struct {
	List

	Age     time.Duration
	IsStale bool
}

// Jobs knows what jobs run here.
type Jobs interface {
	// Find returns a task that jobs here work with, and how long a result of now
	// would be fresh.
	Find(matches func(scheduler.Task) bool) (task scheduler.Task, freshFor time.Duration, found bool)
}

// Hits counts reads.
type Hits interface {
	Hit(ctx context.Context)
	Miss(ctx context.Context)
}

// Reader reads lists.
type Reader struct {
	kind   Kind
	jobs   Jobs
	hits   Hits
	log    *slog.Logger
	misses singleflight.Group
	// said keeps a dependency that fails out of the log.
	said telemetry.Repeats

	mu sync.Mutex
	// kept is the last list of each window, for when nobody else has it.
	kept map[string]List
}

// NewReader returns a Reader whose queries take kind.Limit at most.
func NewReader(kind Kind, jobs Jobs, hits Hits, log *slog.Logger) *Reader {
	return &Reader{kind: kind, jobs: jobs, hits: hits, log: log, kept: map[string]List{}}
}

// Read returns the list of a window: that of the cache, else a new one, else the
// newest of those that were read here before or that the cache has half of. Its
// errors are ErrUnknown and ErrUnavailable.
func (r *Reader) Read(ctx context.Context, w Window) (Answer, error) {
	inCache, cacheErr := r.cached(ctx, w)
	if inCache.state == whole {
		r.keep(w, inCache.list)
		return r.answer(inCache.list), nil
	}
	plan, isKnown := r.plan(w)
	last, isKept := r.last(w)
	// A list computed now would not be in the cache for the next reader.
	isInVain := cacheErr != nil || inCache.state != absent && isKnown && !plan.isJobs
	if isInVain && isKept && time.Since(last.CachedAt) < briefly {
		return r.answer(last), nil
	}
	if !isKnown && cacheErr == nil && inCache.state != mixed {
		return Answer{}, ErrUnknown
	}
	var err error
	if isKnown {
		var list List
		if list, err = r.compute(ctx, plan, cacheErr == nil); err == nil {
			r.keep(w, list)
			return r.answer(list), nil
		}
	}
	switch {
	case isKept && (inCache.state != mixed || last.CachedAt.After(inCache.list.CachedAt)):
		return r.answer(last), nil
	case inCache.state == mixed:
		return r.answer(inCache.list), nil
	}
	return Answer{}, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(cacheErr, err))
}

// answer says how old a list is, and whether it should have been another by now.
// While ClickHouse is away no list is known to be the newest.
func (r *Reader) answer(list List) Answer {
	now := time.Now()
	return Answer{List: list, Age: max(0, now.Sub(list.CachedAt)), IsStale: now.After(list.FreshUntil) || !r.kind.Store.IsUp()}
}

// state is what the cache has of a list.
type state int

const (
	absent state = iota
	// damaged is a half, or what cannot be read.
	damaged
	// mixed is a list with the meta of another.
	mixed
	whole
)

// found is a window's list in the cache; there is none unless it is mixed or
// whole.
type found struct {
	state state
	list  List
}

// cached reads the list from the cache. Only a whole one is a hit: computing it
// mends the others.
func (r *Reader) cached(ctx context.Context, w Window) (found, error) {
	values, err := r.kind.Cache.Read(ctx, Key(w), MetaKey(w))
	if err != nil {
		r.complain(ctx, "redis", err)
		return found{}, err
	}
	got := judge(w, values[0], values[1])
	if got.state == whole {
		r.hits.Hit(ctx)
	} else {
		r.hits.Miss(ctx)
	}
	return got, nil
}

// judge tells what the two values of a list are.
func judge(w Window, value, meta []byte) found {
	switch {
	case value == nil && meta == nil:
		return found{}
	case value == nil || meta == nil:
		return found{state: damaged}
	}
	list, err := decode(w, value, meta)
	switch {
	case errors.Is(err, errMixed):
		return found{state: mixed, list: list}
	case err != nil:
		return found{state: damaged}
	}
	return found{state: whole, list: list}
}

// plan is how a reader computes a list.
type plan struct {
	params   Params
	freshFor time.Duration
	// isJobs says that a job here computes it so, too.
	isJobs bool
}

// plan is that of the job which computes the window here, or a plain one for the
// windows that everyone may ask for.
func (r *Reader) plan(w Window) (plan, bool) {
	task, freshFor, found := r.jobs.Find(func(t scheduler.Task) bool {
		mine, isMine := t.(Task)
		return isMine && mine.Window() == w
	})
	if mine, isMine := task.(Task); found && isMine {
		return plan{params: mine.params, freshFor: freshFor, isJobs: true}, true
	}
	switch w.Text {
	case "1h", "24h", "7d":
		return plan{params: Params{Window: w, TopK: defaultTopK}, freshFor: ownFreshness}, true
	}
	return plan{}, false
}

// compute asks ClickHouse, once for all who miss the same list at a time, and
// keeps the answer in the cache. A caller that gives up does not take it from the
// others.
func (r *Reader) compute(ctx context.Context, p plan, isCacheUp bool) (List, error) {
	ctx = context.WithoutCancel(ctx)
	result, err, _ := r.misses.Do(p.params.Window.Text, func() (any, error) {
		list, err := r.kind.compute(ctx, p.params, p.freshFor)
		if err != nil || !isCacheUp {
			return list, err
		}
		keep := r.kind.offer
		if p.isJobs {
			keep = r.kind.keep
		}
		if err := keep(ctx, p.params.Window, list); err != nil {
			r.complain(ctx, "redis", err)
		}
		return list, nil
	})
	if err != nil {
		r.complain(ctx, "clickhouse", err)
		return List{}, err
	}
	list, _ := result.(List)
	return list, nil
}

func (r *Reader) last(w Window) (List, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list, found := r.kept[w.Text]
	return list, found
}

// keep keeps the last list of a window, and for one too many drops the oldest.
func (r *Reader) keep(w Window, list List) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[w.Text] = list
	if len(r.kept) <= mostKept {
		return
	}
	oldest := w.Text
	for text, other := range r.kept {
		if other.CachedAt.Before(r.kept[oldest].CachedAt) {
			oldest = text
		}
	}
	delete(r.kept, oldest)
}

// complain logs what readers cannot have, now and then.
func (r *Reader) complain(ctx context.Context, dependency string, err error) {
	if r.said.Due(dependency) && ctx.Err() == nil {
		r.log.WarnContext(ctx, "readers get less than they should", "dependency", dependency, "error", err)
	}
}
