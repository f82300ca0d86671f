// Command stack runs Nova's local stack.
package main

import (
	"context"
	"os"

	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/tilt/stack/internal/cli"
)

func main() {
	os.Exit(lifecycle.Main("stack", func(ctx context.Context) error {
		return cli.Main(ctx, os.Args[1:], os.Stdout)
	}))
}
