package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/nova-data/nova/tilt/stack/internal/deps"
	"github.com/nova-data/nova/tilt/stack/internal/parts"
)

// runKafka turns this process into Kafka's, for a test that kills it: what it
// prints goes where this process prints, and a signal meets Kafka itself.
func runKafka(ctx context.Context, c *call) error {
	part, err := parts.Kafka(ctx, parts.Config{Layout: c.layout, Jars: deps.Jars(c.layout)})
	if err != nil {
		return err
	}
	if part.Command == nil {
		return errors.New("KAFKA_BROKERS names a Kafka that is not the stack's")
	}
	if err := part.Prepare(ctx); err != nil {
		return err
	}
	if err := os.Chdir(part.Command.Dir); err != nil {
		return fmt.Errorf("changing to Kafka's directory: %w", err)
	}
	arguments := append([]string{part.Command.Path}, part.Command.Args...)
	return syscall.Exec(part.Command.Path, arguments, append(new(exec.Cmd).Environ(), part.Command.Env...)) //nolint:gosec // Kafka's own program
}
