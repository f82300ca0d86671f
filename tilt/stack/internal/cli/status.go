package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/board"
	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
	"github.com/nova-data/nova/tilt/stack/internal/statuspage"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

func runStatus(ctx context.Context, c *call) error {
	page, err := c.page()
	if err != nil {
		return err
	}
	table, err := fetch(ctx, page)
	if err != nil {
		return err
	}
	if err := statuspage.Write(c.out, table, time.Now()); err != nil {
		return err
	}
	return c.writeSource(ctx, table)
}

// writeSource writes how changes come in, if the stack runs the service that knows.
func (c *call) writeSource(ctx context.Context, table []supervisor.Status) error {
	for _, s := range table {
		if s.Part != "cdc-ingest" {
			continue
		}
		_, err := fmt.Fprintln(c.out, "\n"+board.SourceLine(ctx, s.Address))
		return err
	}
	return nil
}

// page returns the address of the running stack's status page.
func (c *call) page() (string, error) {
	p, alive := pidfile.Read(c.layout.SupervisorPID())
	if !alive {
		return "", errors.New("no stack is running")
	}
	page := c.layout.ReadEnv("STATUS_URL")
	if page == "" {
		return "", fmt.Errorf("the stack (process %d) has only begun to start", p.PID)
	}
	return page, nil
}

func fetch(ctx context.Context, page string) ([]supervisor.Status, error) {
	table, err := statuspage.Fetch(ctx, page)
	if err != nil {
		return nil, fmt.Errorf("the stack does not answer: %w", err)
	}
	return table, nil
}
