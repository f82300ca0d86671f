package traffic

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	codec "github.com/nova-data/nova/pkg/event"
	"github.com/nova-data/nova/tilt/stack/internal/load/eventsapi"
)

// The three parts draw from streams of their own, so that the speed of one does
// not move the choices of another.
const (
	streamChanges = 1
	streamEvents  = 2
	streamFeeds   = 3
)

// Run plays users until ctx ends, and returns nil then, after every body that
// was under way has its 202 or cfg.Grace is over. Any other end is an error.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("checking the traffic's configuration: %w", err)
	}
	server, err := pgx.ParseConfig(deps.PostgresDSN)
	if err != nil {
		return fmt.Errorf("reading the address of PostgreSQL: %w", err)
	}
	server.ConnectTimeout = connectTimeout
	shared := &world{}
	changes := &database{
		server: server, users: cfg.Users,
		pace:    pacer{perSecond: cfg.ChangesPerSecond},
		planner: newPlanner(stream(cfg.Seed, streamChanges), shared, uuid.New),
		ledger:  deps.Ledger, log: deps.Log,
	}
	api := eventsapi.New(eventsapi.Config{
		URL: deps.EventsURL, ContentType: codec.ContentTypeJSON, Timeout: answerTimeout, Connections: senders,
	})
	defer api.Close()
	composing := &composer{random: stream(cfg.Seed, streamEvents), world: shared, ledger: deps.Ledger}
	sending := &sender{api: api, ledger: deps.Ledger, log: deps.Log}

	reading, err := openFeeds(cfg, deps, shared)
	if err != nil {
		return err
	}
	defer reading.close()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return changes.run(ctx) })
	group.Go(func() error { return events(ctx, composing, sending, cfg.EventsPerSecond, cfg.Grace) })
	group.Go(func() error { return reading.run(ctx) })
	return group.Wait()
}

func stream(seed, number uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, number)) //nolint:gosec // not a secret
}
