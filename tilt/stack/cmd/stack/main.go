// Command stack runs Nova's local stack.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/tilt/stack/internal/cli"
)

func main() {
	var misused *lifecycle.UsageError
	code := lifecycle.Main("stack", func(ctx context.Context) error {
		err := cli.Main(ctx, os.Args[1:], os.Stdout)
		errors.As(err, &misused)
		return err
	})
	if code == lifecycle.ExitFailed && misused != nil {
		code = lifecycle.ExitUsage
	}
	os.Exit(code)
}
