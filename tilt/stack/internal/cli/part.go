package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/statuspage"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

// partTimeout is how long a part may take to end, or to be ready again.
const partTimeout = 2 * time.Minute

// runStop is an outage to try: one part is away, and the others have to do
// without it.
func runStop(ctx context.Context, c *call) error {
	if err := c.order(ctx, statuspage.Stop, supervisor.Stopped); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s has stopped; stack start %s starts it again\n", c.argument, c.argument)
	return nil
}

func runStart(ctx context.Context, c *call) error {
	if err := c.order(ctx, statuspage.Start, supervisor.Ready, supervisor.Done); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s is ready\n", c.argument)
	return nil
}

// order gives an order for the part that c names, and returns when the part is in
// one of the states that follow from it.
func (c *call) order(ctx context.Context, give func(ctx context.Context, page, part string) error, until ...supervisor.State) error {
	page, err := c.page()
	if err != nil {
		return err
	}
	if err := give(ctx, page, c.argument); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, partTimeout, fmt.Errorf("not within %s", partTimeout))
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		table, err := fetch(ctx, page)
		if err != nil {
			return err
		}
		status := find(table, c.argument)
		if slices.Contains(until, status.State) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is %s: %w", c.argument, strings.TrimSpace(string(status.State)+" "+status.Problem), context.Cause(ctx))
		}
	}
}

// find returns the status of a part, which the stack has just known.
func find(table []supervisor.Status, part string) (found supervisor.Status) {
	for _, status := range table {
		if status.Part == part {
			found = status
		}
	}
	return found
}
