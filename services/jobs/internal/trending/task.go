package trending

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/services/jobs/internal/cache"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

// Store answers queries.
type Store interface {
	// Database is the name of the one that holds the tables.
	Database() string
	// Query calls each with every block of the result, and ends within limit.
	Query(ctx context.Context, limit time.Duration, sql string, parameters clickhouse.Parameters, each func(*block.Reader) error) error
	// IsUp says whether the store answered last.
	IsUp() bool
}

// Cache holds lists.
type Cache interface {
	// Read returns the values of keys, nil for one that is not there.
	Read(ctx context.Context, keys ...string) ([][]byte, error)
	// Write puts entries, in their order those of one node at least.
	Write(ctx context.Context, entries ...cache.Entry) error
	// Add puts entries one after the other, up to the first whose key is there.
	Add(ctx context.Context, entries ...cache.Entry) error
}

// Kind makes tasks that compute lists.
type Kind struct {
	Store Store
	Cache Cache
	// TTL is how long a list stays when its job does not compute it again, unless
	// it is fresh for longer.
	TTL time.Duration
	// Limit is the time a query may take.
	Limit time.Duration
}

// Task implements scheduler.Kind.
func (k Kind) Task(params []byte) (scheduler.Task, error) {
	parsed, err := ParseParams(params)
	if err != nil {
		return nil, err
	}
	return Task{kind: k, params: parsed}, nil
}

// Task computes and keeps the list of one job.
type Task struct {
	kind   Kind
	params Params
}

// Window is that of the task's list.
func (t Task) Window() Window { return t.params.Window }

// Run implements scheduler.Task.
func (t Task) Run(ctx context.Context, freshFor time.Duration) (rows int, err error) {
	list, err := t.kind.compute(ctx, t.params, freshFor)
	if err != nil {
		return 0, err
	}
	return len(list.Posts), t.kind.keep(ctx, t.params.Window, list)
}

// compute asks ClickHouse for the list as of now.
func (k Kind) compute(ctx context.Context, params Params, freshFor time.Duration) (List, error) {
	now := time.Now()
	from, to := params.Window.bounds(now)
	sql, parameters := params.sql(k.Store.Database(), from, to)
	list := List{From: from, To: to}
	err := k.Store.Query(ctx, k.Limit, sql, parameters, func(r *block.Reader) error {
		for row := range r.Rows() {
			var id [16]byte
			var score float64
			if err := r.Scan(row, &id, &score); err != nil {
				return err
			}
			list.Posts = append(list.Posts, Post{ID: uuid.UUID(id), Score: rounded(score)})
		}
		return nil
	})
	if err != nil {
		return List{}, fmt.Errorf("ranking the posts of %s: %w", params.Window.Text, err)
	}
	list.CachedAt = now.UTC().Truncate(time.Millisecond)
	list.FreshUntil = list.CachedAt.Add(freshFor)
	return list, nil
}

// keep puts a job's list into the cache, and then its meta. A list does not go
// before it is stale.
func (k Kind) keep(ctx context.Context, w Window, list List) error {
	entries, err := list.entries(w, max(k.TTL, list.freshFor()))
	if err == nil {
		err = k.Cache.Write(ctx, entries...)
	}
	return keeping(w, err)
}

// offer puts a list that is no job's into the cache, unless there is one: a job of
// another replica may have made it. Without a job nobody renews a list, so it goes
// when it is no longer fresh.
func (k Kind) offer(ctx context.Context, w Window, list List) error {
	entries, err := list.entries(w, list.freshFor())
	if err == nil {
		err = k.Cache.Add(ctx, entries...)
	}
	return keeping(w, err)
}

func keeping(w Window, err error) error {
	if err != nil {
		return fmt.Errorf("keeping the posts of %s: %w", w.Text, err)
	}
	return nil
}
