// Command invalidator removes feed pages that a change has made stale; see
// invalidator --help.
package main

import (
	"os"

	"github.com/nova-data/nova/services/invalidator"
)

func main() { os.Exit(invalidator.Main(os.Args[1:], os.Stdout, os.Stderr)) }
