package board

import (
	"context"
	"errors"
	"net/http"
	"os"
	"time"
)

// Run shows the sources on out until ctx ends, and returns nil then. Until is
// the planned end that the heading counts down to, zero without one.
func Run(ctx context.Context, out *os.File, sources Sources, until time.Time) error {
	shown, interval, err := newDisplay(out)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	c := &collector{sources: sources, client: client, started: time.Now()}
	return errors.Join(loop(ctx, shown, c, interval, until), shown.close())
}

func loop(ctx context.Context, shown display, c *collector, interval time.Duration, until time.Time) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		v := c.view(ctx, time.Now())
		if ctx.Err() != nil {
			return nil
		}
		if !until.IsZero() {
			v.Remaining = max(time.Until(until), 0)
		}
		if err := shown.show(v); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
