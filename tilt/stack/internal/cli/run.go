package cli

import (
	"context"

	"github.com/nova-data/nova/tilt/stack/internal/deps"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

func runRun(ctx context.Context, c *call) error {
	if err := deps.Ensure(ctx, c.layout, c.out); err != nil {
		return err
	}
	s, err := newSession(c)
	if err != nil {
		return err
	}
	return s.run(ctx, func(ctx context.Context, _ *supervisor.Supervisor) error {
		<-ctx.Done()
		return nil
	})
}
