package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
	"github.com/nova-data/nova/tilt/stack/internal/statuspage"
)

func runStatus(ctx context.Context, c *call) error {
	p, alive := pidfile.Read(c.layout.SupervisorPID())
	if !alive {
		return errors.New("no stack is running")
	}
	base := c.layout.ReadEnv("STATUS_URL")
	if base == "" {
		return fmt.Errorf("the stack (process %d) has only begun to start", p.PID)
	}
	table, err := statuspage.Fetch(ctx, base)
	if err != nil {
		return fmt.Errorf("the stack (process %d) does not answer: %w", p.PID, err)
	}
	return statuspage.Write(c.out, table, time.Now())
}
