package traffic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nova-data/nova/tilt/stack/internal/load/pace"
)

// senders bounds the bodies outstanding at a time.
const senders = 4

// idle is how long the events half waits for the first post.
const idle = 100 * time.Millisecond

// events composes bodies at the configured rate and delivers them, until ctx
// ends; what is outstanding then is repeated for grace.
func events(ctx context.Context, c *composer, s *sender, rate float64, grace time.Duration) error {
	group, composing := errgroup.WithContext(ctx)
	bodies := make(chan body)
	group.Go(func() error {
		defer close(bodies)
		return produce(composing, c, rate, bodies)
	})
	lasting, cancel := outlive(composing, grace)
	defer cancel()
	for range senders {
		group.Go(func() error { return consume(lasting, s, bodies) })
	}
	return group.Wait()
}

func produce(ctx context.Context, c *composer, rate float64, bodies chan<- body) error {
	spending := pacer{perSecond: rate}
	for ctx.Err() == nil {
		b, ok, err := c.compose(time.Now())
		if err != nil {
			return fmt.Errorf("composing events: %w", err)
		}
		if !ok {
			_ = pace.Pause(ctx, idle)
			continue
		}
		_ = spending.wait(ctx, len(b.ids))
		select {
		case bodies <- b:
		case <-ctx.Done():
		}
	}
	return nil
}

func consume(ctx context.Context, s *sender, bodies <-chan body) error {
	for b := range bodies {
		err := s.deliver(ctx, b)
		if err == nil && b.again {
			err = s.deliver(ctx, b)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// outlive returns a context that ends grace after parent.
func outlive(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		_ = pace.Pause(lasting, grace)
		cancel()
	})
	return lasting, func() { stop(); cancel() }
}
